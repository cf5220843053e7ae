"""A host whose models are not the platform's."""

from __future__ import annotations

import importlib
from typing import Any

from flask import Flask
from sqlalchemy.orm import DeclarativeBase, mapped_column

from mod_runs_api import create_blueprint

#: The platform's models, by the modules that have them.
MODELS = {
    'mod_test': ['Test', 'TestProgress', 'TestResult', 'TestResultFile', 'Fork'],
    'mod_customized': ['CustomizedTest', 'TestFork'],
    'mod_regression': ['RegressionTest', 'RegressionTestOutput', 'RegressionTestOutputFiles'],
    'mod_auth': ['User'],
    'mod_ci': ['BlockedUsers'],
}


def copied_models(*left_out: str) -> dict[str, Any]:
    """Return models of their own with the columns of the platform's, less some: ``'Fork'``, ``'User.github_login'``."""
    class Base(DeclarativeBase):
        pass

    def copied(model: Any) -> type:
        return type(model.__name__, (Base,), {'__tablename__': model.__tablename__, **{
            column.key: mapped_column(column.type, primary_key=column.primary_key)
            for column in model.__table__.columns if f'{model.__name__}.{column.key}' not in left_out}})

    return {name: copied(getattr(importlib.import_module(f'{module}.models'), name))
            for module, names in MODELS.items() for name in names if name not in left_out}


def other_host(*left_out: str, **more: type) -> Flask:
    """Return an application with models of its own, which lacks some of the platform's or has more."""
    app = Flask('other')
    app.register_blueprint(create_blueprint(models={**copied_models(*left_out), **more}))
    return app
