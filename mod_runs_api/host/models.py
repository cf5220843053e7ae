"""
The host's models: the platform's own, or those that ``create_blueprint`` is given.

:class:`HostModels` lists every model and attribute that the package uses. Whatever a host lacks is named when the
blueprint is registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from importlib import import_module
from typing import Any, cast

import sqlalchemy
from sqlalchemy import MetaData, Table
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper

from ..errors import MountError

#: The values of ``Test.platform``.
PLATFORMS = ('linux', 'windows')

#: The value of ``TestProgress.status`` in a row that ends a run with its results.
COMPLETED = 'completed'

#: The values of ``TestProgress.status`` in the last row of a run that has ended.
ENDED_STATUSES = (COMPLETED, 'canceled')

#: The value of ``Test.test_type`` for the runs of a pull request.
PULL_REQUEST = 'pr'

#: The largest id that the platform's columns hold.
MAX_ID = 2 ** 31 - 1


def _model(module: str, attributes: str, *, optional: bool = False) -> Any:
    """Return a field for a model: where the platform keeps it, and the attributes of it that are used."""
    return field(metadata={'module': module, 'attributes': attributes.split(), 'optional': optional})


@dataclass(frozen=True)
class HostModels:
    """The host's mapped classes, and its one plain table, by the platform's names. Optional ones may be None."""

    #: A run.
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
    #: A regression test. Its ``command`` is shown if it has one.
    RegressionTest: Any = _model('mod_regression.models', 'id active')
    #: An output that a regression test is expected to have.
    RegressionTestOutput: Any = _model('mod_regression.models', 'id regression_id ignore')
    #: An accepted variant of an output.
    RegressionTestOutputFiles: Any = _model('mod_regression.models', 'regression_test_output_id file_hashes')
    #: That a regression test is in a category. A host without it runs every test, in a category or not.
    regressionTestLinkTable: Table | None = _model('mod_regression.models', 'regression_id', optional=True)
    #: A user. Comments on GitHub also need ``github_login``.
    User: Any = _model('mod_auth.models', 'id name role')
    #: A repository on GitHub: the host's own, or a user's fork of it. Comments on GitHub need it.
    Fork: Any = _model('mod_test.models', 'id github', optional=True)
    #: A GitHub account that may start nothing. Comments on GitHub need it, and the check `author_is_not_blocked`.
    BlockedUsers: Any = _model('mod_ci.models', 'user_id', optional=True)
    #: A machine that runs a run. A host without it has no machines that vanish.
    GcpInstance: Any = _model('mod_ci.models', 'test_id timestamp', optional=True)
    #: Whether a platform starts no runs at present. A host without it has no maintenance.
    MaintenanceMode: Any = _model('mod_ci.models', 'platform disabled', optional=True)
    #: An API token of a user. Older versions of the platform have none: there the package keeps its own.
    ApiToken: Any = _model('mod_api.models.api_token',
                           'id user_id token_prefix token_hash scopes_json expires_at revoked_at', optional=True)

    @property
    def metadata(self) -> MetaData:
        """The metadata that the host creates and migrates its tables from."""
        return cast(MetaData, self.Test.metadata)


@dataclass(frozen=True)
class User:
    """A user of the host."""

    id: int
    name: str | None
    role: str | None

    @classmethod
    def from_row(cls, id: int, name: str | None, role: str | None) -> User:
        """Return the user in a row. The platform ignores blanks around a role."""
        return cls(id, name, role and role.strip())

    @property
    def is_deactivated(self) -> bool:
        """Whether the account was deactivated: the platform takes its name away, and leaves role and GitHub account."""
        return not self.name or self.name == f'Anonymous {self.id}'


def full_name(model: str) -> str:
    """Return where the platform keeps a model: "mod_test.models.Test"."""
    return f'{_fields()[model].metadata["module"]}.{model}'


def find_models(models: Mapping[str, Any] | None) -> HostModels:
    """
    Return the host's models, checked for what the package needs.

    ``models`` are those of :func:`mod_runs_api.create_blueprint`. Raises :exc:`MountError` with everything that is
    missing.
    """
    unknown = sorted(set(models or ()) - set(_fields()))
    if unknown:
        raise MountError(f'create_blueprint was given models that mod_runs_api does not know: {", ".join(unknown)}.')
    found: dict[str, Any] = {}
    missing: list[str] = []
    for name, model_field in _fields().items():
        found[name] = _import_model(model_field) if models is None else models.get(name)
        if found[name] is not None:
            missing += _list_missing(name, found[name], model_field.metadata['attributes'])
        elif not model_field.metadata['optional']:
            missing.append(f'the model {full_name(name)}')
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return HostModels(**found)


def _fields() -> dict[str, Field[Any]]:
    return {model_field.name: model_field for model_field in fields(HostModels)}


def _import_model(model_field: Field[Any]) -> Any:
    module = model_field.metadata['module']
    try:
        return getattr(import_module(module), model_field.name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f'{module}.'.startswith(f'{error.name}.'):
            raise  # The module is there; something that it imports is not.
        return None


def _list_missing(name: str, model: Any, attributes: list[str]) -> list[str]:
    """Return what a model lacks."""
    try:
        inspected: Mapper[Any] | Table = sqlalchemy.inspect(model)
    except NoInspectionAvailable:
        return [f'a mapping of the model {name}']
    return [f'the column {name}.{attribute}' for attribute in attributes if attribute not in inspected.columns]
