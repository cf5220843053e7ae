"""
Nothing of the platform or of the libraries is replaced, wrapped or patched (README.rst, "What it never changes").

Run as a script, in a Python in which nothing has imported the package before, this prints what importing and
registering it changes, as JSON: nothing.
"""

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import FunctionType

import application
import seed
from database import Base, db

TESTS = Path(__file__).parent
LIBRARIES = ('authlib', 'click', 'flask', 'flask_limiter', 'flask_sqlalchemy', 'flask_wtf', 'jinja2', 'limits',
             'marshmallow', 'sqlalchemy', 'werkzeug')


def functions(modules):
    """Return the functions of some modules, and those of their classes, by their places."""
    owners = [owner for module in modules for owner in (module, *[
        value for value in list(vars(module).values())
        if inspect.isclass(value) and value.__module__ == module.__name__])]
    return {f'{owner}.{name}': value for owner in owners for name, value in list(vars(owner).items())
            if isinstance(value, (FunctionType, staticmethod, classmethod, property))}


def snapshot(app):
    """Return what must stay as it is, by kind and place."""
    modules, miniature = list(sys.modules.values()), str(TESTS / 'miniature')
    return {
        'functions of the libraries': functions(
            module for module in modules if module.__name__.partition('.')[0] in LIBRARIES),
        'functions of the platform': functions(
            module for module in modules if str(getattr(module, '__file__', '')).startswith(miniature)),
        'rules of the platform': {str(id(rule)): (rule.rule, rule.endpoint, sorted(rule.methods or ()))
                                  for rule in app.url_map.iter_rules()},
        'methods of objects': {'wsgi_app': app.wsgi_app, 'create_all': Base.metadata.create_all}}


def main():
    """Compare before and after the package is registered and a run is retried."""
    app = application.create_app('sqlite://', mount=False)
    assert 'mod_runs_api' not in sys.modules
    for module in (*LIBRARIES, 'authlib.integrations.flask_oauth2', 'authlib.oauth2.rfc6750'):
        import_module(module)
    before = snapshot(app)
    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    with app.app_context():
        db.create_all()
        run_id = seed.run([seed.regression_test()]).id
        secret = seed.token(seed.user())
        db.session.commit()
    response = app.test_client().post(f'/api/v1/runs/{run_id}/retry', headers={'Authorization': f'Bearer {secret}'})
    assert response.status_code == 202, response.text
    after = snapshot(app)
    print(json.dumps({kind: {'compared': len(places), 'changed': [
        place for place, value in places.items()
        if place not in after[kind] or after[kind][place] is not value and after[kind][place] != value]}
        for kind, places in before.items()}))
    application.dispose(app)


def test_registration_leaves_the_platform_and_the_libraries_as_they_are():
    path = os.pathsep.join(map(str, (TESTS.parent, TESTS, TESTS / 'miniature')))
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True,
                          env={**os.environ, 'PYTHONPATH': path})

    comparison = json.loads(done.stdout)
    assert {kind: compared['changed'] for kind, compared in comparison.items() if compared['changed']} == {}
    assert comparison['functions of the libraries']['compared'] > 5000
    assert comparison['functions of the platform']['compared'] > 20
    assert comparison['rules of the platform']['compared'] == 5


if __name__ == '__main__':
    main()
