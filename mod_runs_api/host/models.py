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

#: The value of ``Test.test_type`` for the runs of a pull request.
PULL_REQUEST = 'pr'

#: The largest id that the platform's columns hold.
MAX_ID = 2 ** 31 - 1


class HostTable:
    """One table of the host, and the columns of it that the package uses. Those with a default may be missing."""

    #: Where the platform keeps the model, and its name there.
    module: ClassVar[str]
    model: ClassVar[str]

    def __init__(self, mapped_class: Any, table: Table, columns: Mapping[str, Column[Any] | None]) -> None:
        #: The model itself.
        self.mapped_class = mapped_class
        self.table = table
        vars(self).update(columns)

    @classmethod
    def column_names(cls) -> dict[str, bool]:
        """Return the names of the columns, each with whether it is required."""
        return {name: not hasattr(cls, name) for name in cls.__annotations__}


class TestTable(HostTable):
    """A run."""

    module = 'mod_test.models'
    model = 'Test'

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

    module = 'mod_test.models'
    model = 'Fork'

    id: Column[Any]
    #: Its address, as "https://github.com/OWNER/REPOSITORY.git".
    github: Column[Any]


class TestProgressTable(HostTable):
    """A stage that a run has reached."""

    module = 'mod_test.models'
    model = 'TestProgress'

    id: Column[Any]
    test_id: Column[Any]
    status: Column[Any]
    timestamp: Column[Any]


class TestResultTable(HostTable):
    """The result of one regression test in a run."""

    module = 'mod_test.models'
    model = 'TestResult'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    runtime: Column[Any]
    exit_code: Column[Any]
    expected_rc: Column[Any]


class TestResultFileTable(HostTable):
    """One output of one regression test in a run."""

    module = 'mod_test.models'
    model = 'TestResultFile'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    regression_test_output_id: Column[Any]
    expected: Column[Any]
    got: Column[Any]


class CustomizedTestTable(HostTable):
    """A regression test that a run was told to run."""

    module = 'mod_customized.models'
    model = 'CustomizedTest'

    test_id: Column[Any]
    regression_id: Column[Any]


class TestForkTable(HostTable):
    """An owner of a run."""

    module = 'mod_customized.models'
    model = 'TestFork'

    user_id: Column[Any]
    test_id: Column[Any]


class RegressionTestTable(HostTable):
    """A regression test."""

    module = 'mod_regression.models'
    model = 'RegressionTest'

    id: Column[Any]
    active: Column[Any]
    command: Column[Any] | None = None


class RegressionTestOutputTable(HostTable):
    """An output that a regression test is expected to have."""

    module = 'mod_regression.models'
    model = 'RegressionTestOutput'

    id: Column[Any]
    regression_id: Column[Any]
    ignore: Column[Any]


class RegressionTestOutputFilesTable(HostTable):
    """An accepted variant of an output."""

    module = 'mod_regression.models'
    model = 'RegressionTestOutputFiles'

    regression_test_output_id: Column[Any]
    file_hashes: Column[Any]


class RegressionTestCategoryTable(HostTable):
    """That a regression test is in a category: a plain table on the platform, not a model."""

    module = 'mod_regression.models'
    model = 'regressionTestLinkTable'

    regression_id: Column[Any]
    category_id: Column[Any]


class UserTable(HostTable):
    """A user."""

    module = 'mod_auth.models'
    model = 'User'

    id: Column[Any]
    name: Column[Any]
    role: Column[Any]
    github_login: Column[Any] | None = None


class BlockedUsersTable(HostTable):
    """A GitHub account, by its id there, that may start nothing."""

    module = 'mod_ci.models'
    model = 'BlockedUsers'

    user_id: Column[Any]


class ApiTokenTable(HostTable):
    """An API token of a user."""

    module = 'mod_api.models.api_token'
    model = 'ApiToken'

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
        """Return a user as the database has them, where the platform ignores blanks around a role."""
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
    #: Comments on GitHub need it, and nothing else does.
    blocked_users: BlockedUsersTable | None
    #: As above.
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
    known = {f'{cls.model}.{column}' for cls in HOST_TABLES.values() for column in cls.column_names()}
    missing = [f'a use for the name {name}' for name in sorted(set(names) - known)]
    found: dict[str, HostTable | None] = dict.fromkeys(OPTIONAL)
    for field, cls in HOST_TABLES.items():
        model = _import_model(cls) if models is None else models.get(cls.model)
        if model is not None:
            found[field] = _read_model(cls, model, names, missing)
        elif field not in OPTIONAL:
            missing.append(f'the model {cls.module}.{cls.model}')
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return HostModels(**found)  # type: ignore[arg-type]


def _import_model(cls: type[HostTable]) -> Any:
    try:
        return getattr(import_module(cls.module), cls.model, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f'{cls.module}.'.startswith(f'{error.name}.'):
            raise  # The module is there; something that it imports is not.
        return None


def _read_model(cls: type[HostTable], model: Any, names: Mapping[str, str], missing: list[str]) -> HostTable | None:
    """Return the table of a model. What it lacks is appended to ``missing``."""
    try:
        inspected: Mapper[Any] | Table = sqlalchemy.inspect(model)
    except NoInspectionAvailable:
        missing.append(f'a mapping of the model {cls.model}')
        return None
    table = inspected if isinstance(inspected, Table) else cast(Table, inspected.local_table)
    columns: dict[str, Column[Any] | None] = {}
    for column, is_required in cls.column_names().items():
        attribute = names.get(f'{cls.model}.{column}', column)
        columns[column] = inspected.columns.get(attribute)
        # A column that the host names must be there, required or not.
        if columns[column] is None and (is_required or attribute != column):
            missing.append(f'the column {cls.model}.{attribute}')
    return cls(model, table, columns)
