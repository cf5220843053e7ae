"""
Retries of test runs for CCExtractor's sample platform: a Flask blueprint.

Mount it with two lines in the platform's ``run.py``::

    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
"""

from .blueprint import create_blueprint
from .domain.retry import Retry
from .domain.verdict import Verdict
from .errors import (InternalError, InvalidFields, MountError, RunNotFound,
                     RunsApiError, ServiceUnavailable, Unprocessable)
from .service.retry import retry_run
from .service.verdict import attempts_verdict
from .signals import run_retried
from .version import __version__

__all__ = ['InternalError', 'InvalidFields', 'MountError', 'Retry', 'RunNotFound', 'RunsApiError',
           'ServiceUnavailable', 'Unprocessable', 'Verdict', '__version__', 'attempts_verdict', 'create_blueprint',
           'mod_runs_api', 'retry_run', 'run_retried']

#: The blueprint for the sample platform.
mod_runs_api = create_blueprint()
