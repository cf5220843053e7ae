"""
The platform's models.

Each model that the package uses is a protocol, with the attributes that it uses. :class:`HostModels` names their
modules. When the blueprint is registered, the error for a platform that lacks some of them names all of them.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from inspect import get_annotations
from typing import Annotated, Any, Protocol, get_args, get_type_hints

from sqlalchemy import MetaData, SQLColumnExpression, Table, inspect, null
from sqlalchemy.orm import Mapped

from ..errors import MountError

# A type includes None only where the package handles NULL. Most columns of the platform may be NULL.


class Enumeration(Protocol):
    """A member of one of the platform's enumerations."""

    value: str


class TestModel(Protocol):
    """A run."""

    id: Mapped[int]
    platform: Mapped[Enumeration]
    test_type: Mapped[Enumeration]
    fork_id: Mapped[int | None]
    branch: Mapped[str]
    commit: Mapped[str]
    pr_nr: Mapped[int]
    token: Mapped[str]


class TestProgressModel(Protocol):
    """A stage that a run has reached."""

    id: Mapped[int]
    test_id: Mapped[int]
    status: Mapped[Enumeration]
    #: Text if the driver cannot read the time.
    timestamp: Mapped[datetime | str]
    message: Mapped[str]


class TestResultModel(Protocol):
    """The result of one regression test in a run."""

    test_id: Mapped[int]
    regression_test_id: Mapped[int]
    runtime: Mapped[int | None]
    exit_code: Mapped[int | None]
    expected_rc: Mapped[int | None]


class TestResultFileModel(Protocol):
    """One output of one regression test in a run."""

    test_id: Mapped[int]
    regression_test_id: Mapped[int]
    regression_test_output_id: Mapped[int]
    expected: Mapped[str]
    got: Mapped[str | None]


class CustomizedTestModel(Protocol):
    """A regression test that was selected for a run."""

    test_id: Mapped[int]
    regression_id: Mapped[int]


class TestForkModel(Protocol):
    """An owner of a run."""

    user_id: Mapped[int]
    test_id: Mapped[int]


class RegressionTestModel(Protocol):
    """A regression test."""

    id: Mapped[int]
    active: Mapped[bool]
    command: Mapped[str]
    expected_rc: Mapped[int | None]


class RegressionTestOutputModel(Protocol):
    """An output that a regression test is expected to have."""

    id: Mapped[int]
    regression_id: Mapped[int]
    correct: Mapped[str]
    ignore: Mapped[bool | None]


class RegressionTestOutputFilesModel(Protocol):
    """An accepted variant of an output."""

    regression_test_output_id: Mapped[int]
    file_hashes: Mapped[str]


class UserModel(Protocol):
    """A user."""

    id: Mapped[int]
    name: Mapped[str | None]
    role: Mapped[Enumeration]
    github_login: Mapped[str]


class ForkModel(Protocol):
    """A repository on GitHub: the platform's own, or a user's fork of it."""

    id: Mapped[int]
    github: Mapped[str]


class BlockedUsersModel(Protocol):
    """A blocked GitHub account."""

    user_id: Mapped[int]


class GcpInstanceModel(Protocol):
    """A machine that runs a run."""

    test_id: Mapped[int]
    timestamp: Mapped[datetime | str]


class MaintenanceModeModel(Protocol):
    """Whether a platform is under maintenance."""

    platform: Mapped[Enumeration]
    disabled: Mapped[bool]


class ApiTokenModel(Protocol):
    """An API token of a user. Versions from before the summer of 2026 have none."""

    id: Mapped[int]
    user_id: Mapped[int]
    token_prefix: Mapped[str]
    token_hash: Mapped[str]
    scopes_json: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


@dataclass(frozen=True)
class HostModels:
    """The platform's models by their names, each with its module. A plain table has the columns that are used, too."""

    Test: Annotated[type[TestModel], 'mod_test.models']
    TestProgress: Annotated[type[TestProgressModel], 'mod_test.models']
    TestResult: Annotated[type[TestResultModel], 'mod_test.models']
    TestResultFile: Annotated[type[TestResultFileModel], 'mod_test.models']
    CustomizedTest: Annotated[type[CustomizedTestModel], 'mod_customized.models']
    TestFork: Annotated[type[TestForkModel], 'mod_customized.models']
    RegressionTest: Annotated[type[RegressionTestModel], 'mod_regression.models']
    RegressionTestOutput: Annotated[type[RegressionTestOutputModel], 'mod_regression.models']
    RegressionTestOutputFiles: Annotated[type[RegressionTestOutputFilesModel], 'mod_regression.models']
    #: The categories of regression tests.
    regressionTestLinkTable: Annotated[Table, 'mod_regression.models', 'regression_id']
    User: Annotated[type[UserModel], 'mod_auth.models']
    Fork: Annotated[type[ForkModel], 'mod_test.models']
    BlockedUsers: Annotated[type[BlockedUsersModel], 'mod_ci.models']
    GcpInstance: Annotated[type[GcpInstanceModel], 'mod_ci.models']
    MaintenanceMode: Annotated[type[MaintenanceModeModel], 'mod_ci.models']
    ApiToken: Annotated[type[ApiTokenModel], 'mod_api.models.api_token']

    @property
    def built_commit(self) -> SQLColumnExpression[str | None]:
        """The commit that the program of a run was built from. Older versions of the platform do not have it."""
        found: SQLColumnExpression[str | None] = getattr(self.Test, 'built_commit', null())
        return found

    @property
    def metadata(self) -> MetaData:
        """The metadata that the platform creates and migrates its tables from."""
        return self.regressionTestLinkTable.metadata


def find_models() -> HostModels:
    """Return the platform's models. Raises :exc:`MountError` with everything that is missing."""
    found: dict[str, Any] = {}
    missing: list[str] = []
    for name, hint in get_type_hints(HostModels, include_extras=True).items():
        kind, module, *columns = get_args(hint)
        try:
            found[name] = getattr(import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            missing.append(f'the model {module}.{name}')
            continue
        columns += [column for model in get_args(kind) for column in get_annotations(model)]
        missing += [f'the column {name}.{column}' for column in columns if column not in inspect(found[name]).columns]
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return HostModels(**found)
