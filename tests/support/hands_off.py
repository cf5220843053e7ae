"""
Print what importing and registering the package changes in the host and in the libraries, as JSON: nothing.

For a Python of its own, in which nothing has imported the package before.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import application
import authlib.integrations.flask_oauth2
import authlib.oauth2.rfc6750
import click
import flask
import flask_limiter
import flask_sqlalchemy
import flask_wtf.csrf
import jinja2
import limits
import marshmallow
import seed
import sqlalchemy.orm
import werkzeug
from database import Base, db

LIBRARIES = {module.__name__ for module in (
    authlib, click, flask, flask_limiter, flask_sqlalchemy, flask_wtf, jinja2, limits, marshmallow, sqlalchemy,
    werkzeug)}
MINIATURE = Path(application.__file__).parent


def is_of_a_library(module: ModuleType) -> bool:
    """Return whether a module belongs to one of the libraries."""
    return module.__name__.partition('.')[0] in LIBRARIES


def is_of_the_host(module: ModuleType) -> bool:
    """Return whether a module belongs to the host."""
    path = getattr(module, '__file__', None)
    return path is not None and Path(path).is_relative_to(MINIATURE)


def functions(modules: Iterable[ModuleType]) -> Iterator[tuple[str, Any]]:
    """Yield the functions of modules, and those of their classes, each with its place."""
    for module in modules:
        owners = [(module.__name__, module), *(
            (f'{module.__name__}.{name}', value) for name, value in list(vars(module).items())
            if inspect.isclass(value) and value.__module__ == module.__name__)]
        for place, owner in owners:
            for name, value in list(vars(owner).items()):
                if isinstance(value, (FunctionType, staticmethod, classmethod, property)):
                    yield f'{place}.{name}', value


def snapshot(app: flask.Flask) -> dict[str, dict[str, Any]]:
    """Return what must stay as it is, by kind and place."""
    modules = list(sys.modules.values())
    return {
        'functions of the libraries': dict(functions(filter(is_of_a_library, modules))),
        'functions of the host': dict(functions(filter(is_of_the_host, modules))),
        'rules of the host': {str(id(rule)): (rule.rule, rule.endpoint, sorted(rule.methods or ()))
                              for rule in app.url_map.iter_rules()},
        'methods of the application': {name: value for name, value in vars(app).items() if callable(value)},
        'methods of the metadata': {name: getattr(Base.metadata, name).__func__
                                    for name in ('create_all', 'drop_all', 'reflect')},
        'objects': {'url_map': id(app.url_map), 'metadata': id(Base.metadata), 'wsgi_app': app.wsgi_app.__func__},
    }


def use(app: flask.Flask) -> None:
    """Register the package and ask for a retry."""
    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    with app.app_context():
        db.create_all()
        run_id = seed.run([seed.regression_test()]).id
        secret = seed.token(seed.user())
        db.session.commit()
    response = app.test_client().post(f'/api/v1/runs/{run_id}/retry', headers={'Authorization': f'Bearer {secret}'})
    assert response.status_code == 202, response.text


def main() -> None:
    """Compare before and after."""
    app = application.create_app('sqlite://', mount=False)
    assert 'mod_runs_api' not in sys.modules
    before = snapshot(app)
    use(app)
    after = snapshot(app)
    print(json.dumps({kind: {
        'compared': len(places),
        'changed': [place for place, value in places.items()
                    if place not in after[kind] or after[kind][place] is not value and after[kind][place] != value],
    } for kind, places in before.items()}))
    application.dispose(app)


if __name__ == '__main__':
    main()
