"""
The host's models, as tables and columns (contract section 3).

The columns that the classes below name are the whole list of what a host must have. Whatever is missing is named when
the blueprint is registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, cast

import sqlalchemy
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper

from ..errors import MountError

#: The values of ``Test.platform``.
PLATFORMS = ('linux', 'windows')

#: The values of ``TestProgress.status`` in the last row of a run that has ended.
ENDED_STATUSES = ('completed', 'canceled')

#: The value of ``Test.test_type`` for the runs of a pull request.
PULL_REQUEST = 'pr'

#: The largest id that the platform's columns hold.
MAX_ID = 2 ** 31 - 1


class HostTable:
    """One table of the host, and the columns of it that the package uses. Those with a default may be missing."""

    #: Where the platform keeps the model, and its name there.
    module_name: ClassVar[str]
    model_name: ClassVar[str]

    def __init__(self, model: Any, table: Table, columns: Mapping[str, Column[Any] | None]) -> None:
        self.model = model
        self.table = table
        vars(self).update(columns)

    @classmethod
    def column_names(cls) -> dict[str, bool]:
        """Return the names of the columns, each with whether it is required."""
        return {name: not hasattr(cls, name) for name in cls.__annotations__}


class TestTable(HostTable):
    """A run."""

    module_name = 'mod_test.models'
    model_name = 'Test'

    id: Column[Any]
    platform: Column[Any]
    test_type: Column[Any]
    fork_id: Column[Any]
    branch: Column[Any]
    commit: Column[Any]
    pr_nr: Column[Any]
    token: Column[Any]

    @property
    def configuration(self) -> list[Column[Any]]:
        """The columns that a retry copies from its source."""
        return [self.platform, self.test_type, self.fork_id, self.branch, self.commit, self.pr_nr]


class ForkTable(HostTable):
    """A repository on GitHub: the host's own, or a user's fork of it."""

    module_name = 'mod_test.models'
    model_name = 'Fork'

    id: Column[Any]
    #: Its address, as "https://github.com/OWNER/REPOSITORY.git".
    github: Column[Any]


class TestProgressTable(HostTable):
    """A stage that a run has reached."""

    module_name = 'mod_test.models'
    model_name = 'TestProgress'

    id: Column[Any]
    test_id: Column[Any]
    status: Column[Any]
    timestamp: Column[Any]


class TestResultTable(HostTable):
    """The result of one regression test in a run."""

    module_name = 'mod_test.models'
    model_name = 'TestResult'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    runtime: Column[Any]
    exit_code: Column[Any]
    expected_rc: Column[Any]


class TestResultFileTable(HostTable):
    """One output of one regression test in a run."""

    module_name = 'mod_test.models'
    model_name = 'TestResultFile'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    regression_test_output_id: Column[Any]
    expected: Column[Any]
    got: Column[Any]


class CustomizedTestTable(HostTable):
    """A regression test that a run was told to run."""

    module_name = 'mod_customized.models'
    model_name = 'CustomizedTest'

    test_id: Column[Any]
    regression_id: Column[Any]


class TestForkTable(HostTable):
    """An owner of a run."""

    module_name = 'mod_customized.models'
    model_name = 'TestFork'

    user_id: Column[Any]
    test_id: Column[Any]


class RegressionTestTable(HostTable):
    """A regression test."""

    module_name = 'mod_regression.models'
    model_name = 'RegressionTest'

    id: Column[Any]
    active: Column[Any]
    command: Column[Any] | None = None


class RegressionTestOutputTable(HostTable):
    """An output that a regression test is expected to have."""

    module_name = 'mod_regression.models'
    model_name = 'RegressionTestOutput'

    id: Column[Any]
    regression_id: Column[Any]
    ignore: Column[Any]


class RegressionTestOutputFilesTable(HostTable):
    """An accepted variant of an output."""

    module_name = 'mod_regression.models'
    model_name = 'RegressionTestOutputFiles'

    regression_test_output_id: Column[Any]
    file_hashes: Column[Any]


class RegressionTestCategoryTable(HostTable):
    """That a regression test is in a category: a plain table on the platform, not a model."""

    module_name = 'mod_regression.models'
    model_name = 'regressionTestLinkTable'

    regression_id: Column[Any]


class UserTable(HostTable):
    """A user."""

    module_name = 'mod_auth.models'
    model_name = 'User'

    id: Column[Any]
    name: Column[Any]
    role: Column[Any]
    github_login: Column[Any] | None = None


class BlockedUsersTable(HostTable):
    """A GitHub account, by its id there, that may start nothing."""

    module_name = 'mod_ci.models'
    model_name = 'BlockedUsers'

    user_id: Column[Any]


class ApiTokenTable(HostTable):
    """An API token of a user."""

    module_name = 'mod_api.models.api_token'
    model_name = 'ApiToken'

    id: Column[Any]
    user_id: Column[Any]
    token_name: Column[Any]
    token_prefix: Column[Any]
    token_hash: Column[Any]
    scopes_json: Column[Any]
    created_at: Column[Any]
    expires_at: Column[Any]
    revoked_at: Column[Any]


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


@dataclass(frozen=True)
class HostModels:
    """The tables of the host that the package works with."""

    test: TestTable
    test_progress: TestProgressTable
    test_result: TestResultTable
    test_result_file: TestResultFileTable
    customized_test: CustomizedTestTable
    test_fork: TestForkTable
    regression_test: RegressionTestTable
    regression_test_output: RegressionTestOutputTable
    regression_test_output_files: RegressionTestOutputFilesTable
    user: UserTable
    #: A host without it runs every test, in a category or not.
    regression_test_category: RegressionTestCategoryTable | None
    #: Comments on GitHub need it, and the check `author_is_not_blocked`.
    blocked_users: BlockedUsersTable | None
    #: Comments on GitHub need it.
    fork: ForkTable | None
    #: Older versions of the platform have no tokens: there the package keeps its own.
    api_token: ApiTokenTable | None

    @property
    def metadata(self) -> MetaData:
        """The metadata that the host creates and migrates its tables from."""
        return self.test.table.metadata


#: The class of each field of :class:`HostModels`.
HOST_TABLES: dict[str, type[HostTable]] = {
    'test': TestTable,
    'test_progress': TestProgressTable,
    'test_result': TestResultTable,
    'test_result_file': TestResultFileTable,
    'customized_test': CustomizedTestTable,
    'test_fork': TestForkTable,
    'regression_test': RegressionTestTable,
    'regression_test_output': RegressionTestOutputTable,
    'regression_test_output_files': RegressionTestOutputFilesTable,
    'user': UserTable,
    'regression_test_category': RegressionTestCategoryTable,
    'blocked_users': BlockedUsersTable,
    'fork': ForkTable,
    'api_token': ApiTokenTable,
}

OPTIONAL = frozenset({'api_token', 'blocked_users', 'fork', 'regression_test_category'})


def find_models(models: Mapping[str, type] | None, names: Mapping[str, str]) -> HostModels:
    """
    Return the host's models, checked for what the package needs.

    ``models`` and ``names`` are those of :func:`mod_runs_api.create_blueprint`. Raises :exc:`MountError` with
    everything that is missing.
    """
    known_models = {cls.model_name for cls in HOST_TABLES.values()}
    known_names = {f'{cls.model_name}.{column}' for cls in HOST_TABLES.values() for column in cls.column_names()}
    unknown = sorted((set(models or ()) - known_models) | (set(names) - known_names))
    if unknown:
        raise MountError(f'create_blueprint was given names that mod_runs_api does not know: {", ".join(unknown)}.')
    missing: list[str] = []
    found: dict[str, HostTable | None] = dict.fromkeys(OPTIONAL)
    for field, cls in HOST_TABLES.items():
        model = _import_model(cls) if models is None else models.get(cls.model_name)
        if model is not None:
            found[field] = _read_model(cls, model, names, missing)
        elif field not in OPTIONAL:
            missing.append(f'the model {cls.module_name}.{cls.model_name}')
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return HostModels(**found)  # type: ignore[arg-type]


def _import_model(cls: type[HostTable]) -> Any:
    try:
        return getattr(import_module(cls.module_name), cls.model_name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f'{cls.module_name}.'.startswith(f'{error.name}.'):
            raise  # The module is there; something that it imports is not.
        return None


def _read_model(cls: type[HostTable], model: Any, names: Mapping[str, str], missing: list[str]) -> HostTable | None:
    """Return the table of a model. What it lacks is appended to ``missing``."""
    try:
        inspected: Mapper[Any] | Table = sqlalchemy.inspect(model)
    except NoInspectionAvailable:
        missing.append(f'a mapping of the model {cls.model_name}')
        return None
    table = inspected if isinstance(inspected, Table) else cast(Table, inspected.local_table)
    columns: dict[str, Column[Any] | None] = {}
    for column, is_required in cls.column_names().items():
        attribute = names.get(f'{cls.model_name}.{column}', column)
        columns[column] = inspected.columns.get(attribute)
        # A column that the host names must be there, required or not.
        if columns[column] is None and (is_required or attribute != column):
            missing.append(f'the column {cls.model_name}.{attribute}')
    return cls(model, table, columns)
