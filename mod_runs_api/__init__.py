"""
Retries of test runs for CCExtractor's sample platform: a Flask blueprint.

Mount it with two lines in the platform's ``run.py``::

    from mod_runs_api import mod_runs_api
    app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
"""

from .blueprint import create_blueprint
from .domain.retry import Retry
from .domain.verdict import Verdict
from .errors import (InactiveTests, InternalError, InvalidFields, KeyReused, MountError, NothingFailed, Refusal,
                     RefusedByCheck, RunChanged, RunNotFinished, RunNotFound, RunQueued, RunsApiError,
                     ServiceUnavailable, Unprocessable)
from .in_process import attempts_verdict, retry_run
from .version import __version__

__all__ = ['InactiveTests', 'InternalError', 'InvalidFields', 'KeyReused', 'MountError', 'NothingFailed',
           'Refusal', 'RefusedByCheck', 'Retry', 'RunChanged', 'RunNotFinished', 'RunNotFound', 'RunQueued',
           'RunsApiError', 'ServiceUnavailable', 'Unprocessable', 'Verdict', '__version__', 'attempts_verdict',
           'create_blueprint', 'mod_runs_api', 'retry_run']

#: The blueprint for the sample platform.
mod_runs_api = create_blueprint()
