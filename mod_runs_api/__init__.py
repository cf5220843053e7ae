"""
Retries of test runs for CCExtractor's sample platform: a Flask blueprint.

Mount it with two lines in the platform's ``run.py``::

    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')

Code in the same process calls :func:`retry_run` (docs/python-and-command-line.rst, "Python").
"""

from flask import Blueprint

from .blueprint import create_blueprint
from .domain.retry import Retry
from .errors import (InactiveTests, InternalError, InvalidFields, KeyReused,
                     MountError, NothingFailed, Refusal, RefusedByCheck,
                     RunChanged, RunNotFinished, RunNotFound, RunsApiError,
                     ServiceUnavailable, Unprocessable)
from .in_process import retry_run

__all__ = ['InactiveTests', 'InternalError', 'InvalidFields', 'KeyReused', 'MountError', 'NothingFailed', 'Refusal',
           'RefusedByCheck', 'Retry', 'RunChanged', 'RunNotFinished', 'RunNotFound', 'RunsApiError',
           'ServiceUnavailable', 'Unprocessable', '__version__', 'create_blueprint', 'mod_runs_api', 'retry_run']

__version__ = '0.2.0'

#: The blueprint for the sample platform.
mod_runs_api: Blueprint = create_blueprint()
