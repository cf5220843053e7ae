"""
The platform's models.

:class:`HostModels` lists every model and attribute that the package uses. Whatever a platform lacks is named when the
blueprint is registered.
"""

from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any, cast

import sqlalchemy
from sqlalchemy import MetaData

from ..errors import MountError


def _model(module: str, attributes: str) -> Any:
    """Return a field for a model: its module, and its attributes that are used."""
    return field(metadata={'module': module, 'attributes': attributes.split()})


@dataclass(frozen=True)
class HostModels:
    """The platform's mapped classes, and its one plain table, by their names."""

    #: A run. Newer versions of the platform have its ``built_commit``.
    Test: Any = _model('mod_test.models', 'id platform test_type fork_id branch commit pr_nr token')
    #: A stage that a run has reached.
    TestProgress: Any = _model('mod_test.models', 'id test_id status timestamp message')
    #: The result of one regression test in a run.
    TestResult: Any = _model('mod_test.models', 'test_id regression_test_id runtime exit_code expected_rc')
    #: One output of one regression test in a run.
    TestResultFile: Any = _model('mod_test.models',
                                 'test_id regression_test_id regression_test_output_id expected got')
    #: A regression test that was selected for a run.
    CustomizedTest: Any = _model('mod_customized.models', 'test_id regression_id')
    #: An owner of a run.
    TestFork: Any = _model('mod_customized.models', 'user_id test_id')
    RegressionTest: Any = _model('mod_regression.models', 'id active command')
    #: An output that a regression test is expected to have.
    RegressionTestOutput: Any = _model('mod_regression.models', 'id regression_id ignore')
    #: An accepted variant of an output.
    RegressionTestOutputFiles: Any = _model('mod_regression.models', 'regression_test_output_id file_hashes')
    #: That a regression test is in a category.
    regressionTestLinkTable: Any = _model('mod_regression.models', 'regression_id')
    User: Any = _model('mod_auth.models', 'id name role github_login')
    #: A repository on GitHub: the platform's own, or a user's fork of it.
    Fork: Any = _model('mod_test.models', 'id github')
    #: A GitHub account that may start nothing.
    BlockedUsers: Any = _model('mod_ci.models', 'user_id')
    #: A machine that runs a run.
    GcpInstance: Any = _model('mod_ci.models', 'test_id timestamp')
    #: Whether a platform starts no runs at present.
    MaintenanceMode: Any = _model('mod_ci.models', 'platform disabled')
    #: An API token of a user. Versions of before the summer of 2026 have none.
    ApiToken: Any = _model('mod_api.models.api_token',
                           'id user_id token_prefix token_hash scopes_json expires_at revoked_at')

    @property
    def metadata(self) -> MetaData:
        """The metadata that the platform creates and migrates its tables from."""
        return cast(MetaData, self.Test.metadata)


def find_models() -> HostModels:
    """Return the platform's models. Raises :exc:`MountError` with everything that is missing."""
    found: dict[str, Any] = {}
    missing: list[str] = []
    for model_field in fields(HostModels):
        module = model_field.metadata['module']
        try:
            found[model_field.name] = getattr(import_module(module), model_field.name)
        except (ModuleNotFoundError, AttributeError):
            missing.append(f'the model {module}.{model_field.name}')
            continue
        columns = sqlalchemy.inspect(found[model_field.name]).columns
        missing += [f'the column {model_field.name}.{attribute}'
                    for attribute in model_field.metadata['attributes'] if attribute not in columns]
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return HostModels(**found)
