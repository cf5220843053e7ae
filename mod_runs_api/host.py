"""
The door to the host: the only module that knows the platform's names (contract section 3).

Everything else works on the columns of :class:`Host`. The fields of the dataclasses below are the whole list of
what a host must have; whatever is missing is named when the blueprint is registered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, ClassVar, Union, cast

import sqlalchemy
from flask import current_app, g
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper, Session, scoped_session

from .errors import MountError

HostSession = Union[Session, 'scoped_session[Session]']


@dataclass(frozen=True)
class Entity:
    """The table of one model, and below it the columns that the package uses."""

    #: Where the platform keeps the model, and what it calls it.
    module: ClassVar[str]
    model: ClassVar[str]

    table: Table


@dataclass(frozen=True)
class TestEntity(Entity):
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
        """What a run is a run of: all of it is copied to a retry."""
        return [self.platform, self.test_type, self.fork_id, self.branch, self.commit, self.pr_nr]


@dataclass(frozen=True)
class TestProgressEntity(Entity):
    """A stage that a run has reached."""

    module = 'mod_test.models'
    model = 'TestProgress'

    id: Column[Any]
    test_id: Column[Any]
    status: Column[Any]


@dataclass(frozen=True)
class TestResultEntity(Entity):
    """The result of one regression test in a run."""

    module = 'mod_test.models'
    model = 'TestResult'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    exit_code: Column[Any]
    expected_rc: Column[Any]


@dataclass(frozen=True)
class TestResultFileEntity(Entity):
    """One output of one regression test in a run."""

    module = 'mod_test.models'
    model = 'TestResultFile'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    regression_test_output_id: Column[Any]
    got: Column[Any]


@dataclass(frozen=True)
class CustomizedTestEntity(Entity):
    """A regression test that a run is to run."""

    module = 'mod_customized.models'
    model = 'CustomizedTest'

    test_id: Column[Any]
    regression_id: Column[Any]


@dataclass(frozen=True)
class TestForkEntity(Entity):
    """An owner of a run."""

    module = 'mod_customized.models'
    model = 'TestFork'

    user_id: Column[Any]
    test_id: Column[Any]


@dataclass(frozen=True)
class RegressionTestEntity(Entity):
    """A regression test."""

    module = 'mod_regression.models'
    model = 'RegressionTest'

    id: Column[Any]
    active: Column[Any]


@dataclass(frozen=True)
class RegressionTestOutputEntity(Entity):
    """An output that a regression test is expected to have."""

    module = 'mod_regression.models'
    model = 'RegressionTestOutput'

    id: Column[Any]
    regression_id: Column[Any]
    ignore: Column[Any]


@dataclass(frozen=True)
class RegressionTestOutputFilesEntity(Entity):
    """An accepted variant of an output."""

    module = 'mod_regression.models'
    model = 'RegressionTestOutputFiles'

    regression_test_output_id: Column[Any]
    file_hashes: Column[Any]


@dataclass(frozen=True)
class UserEntity(Entity):
    """A person."""

    module = 'mod_auth.models'
    model = 'User'

    id: Column[Any]
    name: Column[Any]
    role: Column[Any]


@dataclass(frozen=True)
class ApiTokenEntity(Entity):
    """An API token of a person."""

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
class Person:
    """A person of the host."""

    id: int
    name: str | None
    role: str | None


@dataclass(frozen=True)
class Host:
    """What the package works with: the columns of the host's models, and sessions on the host's database."""

    test: TestEntity
    test_progress: TestProgressEntity
    test_result: TestResultEntity
    test_result_file: TestResultFileEntity
    customized_test: CustomizedTestEntity
    test_fork: TestForkEntity
    regression_test: RegressionTestEntity
    regression_test_output: RegressionTestOutputEntity
    regression_test_output_files: RegressionTestOutputFilesEntity
    user: UserEntity
    #: Older versions of the platform have no tokens: there the package keeps its own.
    api_token: ApiTokenEntity | None
    host_session: Callable[[], HostSession]
    #: What the host calls its attributes where that is not what the platform calls them.
    names: Mapping[str, str]

    @property
    def metadata(self) -> MetaData:
        """The metadata that the host creates and migrates its tables from."""
        return self.test.table.metadata

    def session(self) -> Session:
        """
        Open a session of the package's own on the host's database.

        The request's session is left alone: what a caller has pending there is neither committed nor rolled back
        with a retry, and the snapshot that it reads from may be too old for one.
        """
        bind = self.host_session().get_bind(clause=self.test.table)
        return Session(bind, join_transaction_mode='create_savepoint')

    def person_logged_in(self) -> Person | None:
        """Give the person whom the session cookie of the current request names: the host's ``g.user``."""
        user = g.get('user')
        if user is None:
            return None
        role = getattr(user, self.names.get('User.role', 'role'))
        return Person(getattr(user, self.names.get('User.id', 'id')),
                      getattr(user, self.names.get('User.name', 'name')),
                      getattr(role, 'value', role))


#: The fields of :class:`Host` that are models.
ENTITIES: dict[str, type[Entity]] = {
    'test': TestEntity,
    'test_progress': TestProgressEntity,
    'test_result': TestResultEntity,
    'test_result_file': TestResultFileEntity,
    'customized_test': CustomizedTestEntity,
    'test_fork': TestForkEntity,
    'regression_test': RegressionTestEntity,
    'regression_test_output': RegressionTestOutputEntity,
    'regression_test_output_files': RegressionTestOutputFilesEntity,
    'user': UserEntity,
    'api_token': ApiTokenEntity,
}

OPTIONAL = frozenset({'api_token'})


def find(models: Mapping[str, type] | None = None,
         session: Callable[[], HostSession] | None = None,
         names: Mapping[str, str] | None = None) -> Host:
    """
    Find the host's models and check that they have what the package needs (contract section 2).

    Parameters
    ----------
    models : Mapping of str to type, optional
        Models to use, by the platform's names for them: ``{'Test': ..., 'TestProgress': ..., ...}``. Given any, the
        platform's modules are not looked at; leaving ``ApiToken`` out says that the host has no tokens.
    session : callable, optional
        Returns the session of the request. By default ``flask.g.db``, and outside a request the platform's
        ``database.create_session``.
    names : Mapping of str to str, optional
        Attributes that are called otherwise, for example ``{'Test.pr_nr': 'pull_request'}``.

    Returns
    -------
    Host

    Raises
    ------
    MountError
        Models or columns are missing. The message names every one of them.
    """
    names = names or {}
    missing = [f'a use for the name {name}' for name in sorted(set(names) - _used_names())]
    found: dict[str, Entity | None] = dict.fromkeys(OPTIONAL)
    for field, kind in ENTITIES.items():
        model = _import_model(kind) if models is None else models.get(kind.model)
        if model is not None:
            found[field] = _entity(kind, model, names, missing)
        elif field not in OPTIONAL:
            missing.append(f'the model {kind.module}.{kind.model}')
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return Host(**found, host_session=session or _platform_session, names=names)  # type: ignore[arg-type]


def _used_names() -> set[str]:
    return {f'{kind.model}.{field.name}' for kind in ENTITIES.values() for field in fields(kind)[1:]}


def _import_model(kind: type[Entity]) -> Any:
    try:
        return getattr(import_module(kind.module), kind.model, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f'{kind.module}.'.startswith(f'{error.name}.'):
            raise  # The module is there; something that it imports is not.
        return None


def _entity(kind: type[Entity], model: Any, names: Mapping[str, str], missing: list[str]) -> Entity | None:
    try:
        mapper: Mapper[Any] = sqlalchemy.inspect(model)
    except NoInspectionAvailable:
        missing.append(f'a mapping of the model {kind.model}')
        return None
    columns: dict[str, Any] = {}
    for field in fields(kind)[1:]:
        attribute = names.get(f'{kind.model}.{field.name}', field.name)
        columns[field.name] = mapper.columns.get(attribute)
        if columns[field.name] is None:
            missing.append(f'the column {kind.model}.{attribute}')
    return kind(cast(Table, mapper.local_table), **columns)


def _platform_session() -> HostSession:
    if 'db' in g:
        session: scoped_session[Session] = g.db
        return session
    # A command line or a scheduled job: the platform makes its sessions so too, and its table creation with them.
    created: scoped_session[Session] = import_module('database').create_session(current_app.config['DATABASE_URI'])
    return created


def log() -> logging.Logger:
    """Return the log of the host: ``g.log``, or the application's where there is none."""
    logger: logging.Logger = g.get('log') or current_app.logger
    return logger
