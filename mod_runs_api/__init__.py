"""
Retries of test runs for CCExtractor's sample platform: a Flask blueprint.

Mount it with two lines in the platform's ``run.py``::

    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
"""

from .blueprint import create_blueprint
from .errors import (BadRequest, Forbidden, InternalError, InvalidFields,
                     MethodNotAllowed, MountError, PayloadTooLarge,
                     RateLimited, RunNotFound, RunsApiError,
                     ServiceUnavailable, Unauthorized, Unprocessable,
                     UnsupportedMediaType)
from .retry import Retry
from .service import retry_run
from .signals import run_retried

__version__ = '0.1.0'

__all__ = ['BadRequest', 'Forbidden', 'InternalError', 'InvalidFields', 'MethodNotAllowed', 'MountError',
           'PayloadTooLarge', 'RateLimited', 'Retry', 'RunNotFound', 'RunsApiError', 'ServiceUnavailable',
           'Unauthorized', 'Unprocessable', 'UnsupportedMediaType', 'create_blueprint', 'mod_runs_api', 'retry_run',
           'run_retried']

#: The blueprint for the sample platform.
mod_runs_api = create_blueprint()
