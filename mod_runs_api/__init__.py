"""
Retries of test runs for CCExtractor's sample platform: a Flask blueprint.

Mount it with two lines in the platform's ``run.py``::

    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')

Code in the same process calls the functions (docs/python-and-command-line.rst, "Python").
"""

from flask import Blueprint

from .blueprint import create_blueprint
from .domain.attempts import Attempt
from .domain.preview import Preview
from .domain.retry import Retry
from .domain.verdict import TestVerdict, Verdict
from .errors import (InactiveTests, InternalError, InvalidFields, KeyReused, MountError, NothingFailed, Refusal,
                     RefusedByCheck, RunChanged, RunNotFinished, RunNotFound, RunsApiError, ServiceUnavailable,
                     Unprocessable)
from .in_process import attempts_verdict, list_attempts, preview_retry, retry_run
from .version import __version__

__all__ = ['Attempt', 'InactiveTests', 'InternalError', 'InvalidFields', 'KeyReused', 'MountError',
           'NothingFailed', 'Preview', 'Refusal', 'RefusedByCheck', 'Retry', 'RunChanged', 'RunNotFinished',
           'RunNotFound', 'RunsApiError', 'ServiceUnavailable', 'TestVerdict', 'Unprocessable', 'Verdict',
           '__version__', 'attempts_verdict', 'create_blueprint', 'list_attempts', 'mod_runs_api', 'preview_retry',
           'retry_run']

#: The blueprint for the sample platform.
mod_runs_api: Blueprint = create_blueprint()
