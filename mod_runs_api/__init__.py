"""
Retries of test runs for CCExtractor's sample platform: a Flask blueprint.

Mount it with two lines in the platform's ``run.py``::

    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
"""

from .blueprint import create_blueprint
from .errors import (InternalError, InvalidFields, MountError, RunNotFound,
                     RunsApiError, ServiceUnavailable, Unprocessable)
from .retry import Retry
from .service import attempts_verdict, retry_run
from .signals import attempts_ended, run_retried
from .verdict import Verdict
from .version import __version__

__all__ = ['InternalError', 'InvalidFields', 'MountError', 'Retry', 'RunNotFound', 'RunsApiError',
           'ServiceUnavailable', 'Unprocessable', 'Verdict', '__version__', 'attempts_ended', 'attempts_verdict',
           'create_blueprint', 'mod_runs_api', 'retry_run', 'run_retried']

#: The blueprint for the sample platform.
mod_runs_api = create_blueprint()
