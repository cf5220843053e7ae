"""
The door to the host: the only module that knows the platform's names (contract section 3).

Everything else works on the columns of :class:`Host`. The columns that the classes below name are the whole list of
what a host must have; whatever is missing is named when the blueprint is registered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Union, cast

import sqlalchemy
from flask import current_app, g, url_for
from sqlalchemy import Column, Connection, MetaData, Table, Transaction
from sqlalchemy.exc import DBAPIError, NoInspectionAvailable, SQLAlchemyError
from sqlalchemy.orm import Mapper, Session, scoped_session
from werkzeug.routing import BuildError

from .errors import MountError

HostSession = Union[Session, 'scoped_session[Session]']

#: What runs run on, as the database has it.
PLATFORMS = ('linux', 'windows')
#: The type of the runs that belong to a pull request, as the database has it.
PULL_REQUEST = 'pr'


class Entity:
    """
    The table of one model, and below it the columns that the package uses; those with a default may be missing.

    Parameters
    ----------
    table : Table
        The table.
    columns : Mapping of str to Column or None
        The columns, by the names that they have below.
    """

    #: Where the platform keeps the model, and what it calls it.
    module: ClassVar[str]
    model: ClassVar[str]

    def __init__(self, table: Table, columns: Mapping[str, Column[Any] | None]) -> None:
        self.table = table
        vars(self).update(columns)

    @classmethod
    def columns(cls) -> dict[str, bool]:
        """Give the names of the columns, and whether each must be there."""
        return {name: not hasattr(cls, name) for name in cls.__annotations__}


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


class TestProgressEntity(Entity):
    """A stage that a run has reached."""

    module = 'mod_test.models'
    model = 'TestProgress'

    id: Column[Any]
    test_id: Column[Any]
    status: Column[Any]


class TestResultEntity(Entity):
    """The result of one regression test in a run."""

    module = 'mod_test.models'
    model = 'TestResult'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    exit_code: Column[Any]
    expected_rc: Column[Any]


class TestResultFileEntity(Entity):
    """One output of one regression test in a run."""

    module = 'mod_test.models'
    model = 'TestResultFile'

    test_id: Column[Any]
    regression_test_id: Column[Any]
    regression_test_output_id: Column[Any]
    got: Column[Any]


class CustomizedTestEntity(Entity):
    """A regression test that a run is to run."""

    module = 'mod_customized.models'
    model = 'CustomizedTest'

    test_id: Column[Any]
    regression_id: Column[Any]


class TestForkEntity(Entity):
    """An owner of a run."""

    module = 'mod_customized.models'
    model = 'TestFork'

    user_id: Column[Any]
    test_id: Column[Any]


class RegressionTestEntity(Entity):
    """A regression test."""

    module = 'mod_regression.models'
    model = 'RegressionTest'

    id: Column[Any]
    active: Column[Any]


class RegressionTestOutputEntity(Entity):
    """An output that a regression test is expected to have."""

    module = 'mod_regression.models'
    model = 'RegressionTestOutput'

    id: Column[Any]
    regression_id: Column[Any]
    ignore: Column[Any]


class RegressionTestOutputFilesEntity(Entity):
    """An accepted variant of an output."""

    module = 'mod_regression.models'
    model = 'RegressionTestOutputFiles'

    regression_test_output_id: Column[Any]
    file_hashes: Column[Any]


class UserEntity(Entity):
    """A person."""

    module = 'mod_auth.models'
    model = 'User'

    id: Column[Any]
    name: Column[Any]
    role: Column[Any]
    #: Their name on GitHub.
    github_login: Column[Any] | None = None


class BlockedUsersEntity(Entity):
    """A GitHub account, by its number there, that may start nothing."""

    module = 'mod_ci.models'
    model = 'BlockedUsers'

    user_id: Column[Any]


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

    @classmethod
    def of_row(cls, id: int, name: str | None, role: str | None) -> Person:
        """Make one of what the database has, where the platform takes blanks around a role for nothing."""
        return cls(id, name, role and role.strip())


@dataclass(frozen=True)
class Host:
    """What the package works with: the columns of the host's models, and transactions on the host's database."""

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
    #: Only who asks in a comment on GitHub is looked up there.
    blocked_users: BlockedUsersEntity | None
    #: Older versions of the platform have no tokens: there the package keeps its own.
    api_token: ApiTokenEntity | None
    host_session: Callable[[], HostSession]
    #: What the host calls its attributes where that is not what the platform calls them.
    names: Mapping[str, str]

    @property
    def metadata(self) -> MetaData:
        """The metadata that the host creates and migrates its tables from."""
        return self.test.table.metadata

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """
        Begin a transaction of the package's own on the host's database; what is not committed is rolled back.

        The request's session is left alone: what a caller has pending there is neither committed nor rolled back
        with a retry, and the snapshot that it reads from may be too old for one. No session is needed, for no models
        are read or written.
        """
        bind = self.host_session().get_bind(clause=self.test.table)
        if isinstance(bind, Connection):
            # Within the host's own transaction, which goes on, if there is one.
            transaction = bind.begin_nested() if bind.in_transaction() else bind.begin()
            try:
                yield transaction
            finally:
                with suppress(DBAPIError):
                    transaction.close()
            return
        connection = bind.connect()
        try:
            yield connection.begin()
        except BaseException:
            # Said here, for closing alone does not undo what a commit that failed has left on the connection.
            with suppress(DBAPIError):
                connection.rollback()
            raise
        finally:
            # A connection that dies of being given back takes nothing back that is done.
            with suppress(DBAPIError):
                connection.close()

    def person_logged_in(self) -> Person | None:
        """Give the person whom the session cookie of the current request names: the host's ``g.user``."""
        user = g.get('user')
        if user is None:
            return None
        role = getattr(user, self.names.get('User.role', 'role'))
        return Person(getattr(user, self.names.get('User.id', 'id')),
                      getattr(user, self.names.get('User.name', 'name')),
                      getattr(role, 'value', role))

    def run_id(self, test: Any) -> int:
        """Give the id of a run that is given as the host's model."""
        return int(getattr(test, self.names.get('Test.id', 'id')))


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
    'blocked_users': BlockedUsersEntity,
    'api_token': ApiTokenEntity,
}

OPTIONAL = frozenset({'api_token', 'blocked_users'})

#: Stands for the id of any run in an address, and is no part of one otherwise.
ANY_ID = 2 ** 31 - 1


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
    for name, kind in ENTITIES.items():
        model = _import_model(kind) if models is None else models.get(kind.model)
        if model is not None:
            found[name] = _entity(kind, model, names, missing)
        elif name not in OPTIONAL:
            missing.append(f'the model {kind.module}.{kind.model}')
    if missing:
        raise MountError(f'mod_runs_api cannot work with this application. It lacks {", ".join(missing)}.')
    return Host(**found, host_session=session or _platform_session, names=names)  # type: ignore[arg-type]


def _used_names() -> set[str]:
    return {f'{kind.model}.{column}' for kind in ENTITIES.values() for column in kind.columns()}


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
    columns: dict[str, Column[Any] | None] = {}
    for column, is_needed in kind.columns().items():
        attribute = names.get(f'{kind.model}.{column}', column)
        columns[column] = mapper.columns.get(attribute)
        # A column that the host names must be there, needed or not.
        if columns[column] is None and (is_needed or attribute != column):
            missing.append(f'the column {kind.model}.{attribute}')
    return kind(cast(Table, mapper.local_table), columns)


def _platform_session() -> HostSession:
    if 'db' in g:
        session: scoped_session[Session] = g.db
        return session
    # A command line or a scheduled job. The platform's own function for it also makes the tables, and turns every
    # `Model.query` of the process to the new session: where there is an engine already, that would pull the caller's
    # objects from under it.
    database = import_module('database')
    engine = getattr(database, 'db_engine', None)
    if engine is not None:
        return Session(engine)
    created: scoped_session[Session] = database.create_session(current_app.config['DATABASE_URI'])
    return created


def give_up_request_session() -> None:
    """Bring the session of the current request back from whatever failed in it, if there is one yet."""
    if 'db' in g:
        with suppress(SQLAlchemyError):
            g.db.rollback()


def run_page(run_id: int, external: bool = False) -> str:
    """Give the address of the host's page of a run, for its own pages or for readers elsewhere."""
    return url_for('test.by_id', test_id=run_id, _external=external)


def run_page_of_any() -> str:
    """Give the address of the host's page of any run, with ``{run_id}`` in the place of its id."""
    # The host's route may take nothing but integers.
    return '{run_id}'.join(run_page(ANY_ID).rsplit(str(ANY_ID), 1))


def run_address(run_id: int) -> str | None:
    """
    Give the address of the host's page of a run for readers elsewhere.

    None where it cannot be told, as from a command line without ``SERVER_NAME``.
    """
    try:
        return run_page(run_id, external=True)
    except (BuildError, RuntimeError):
        return None


def log() -> logging.Logger:
    """Return the log of the host: ``g.log``, or the application's where there is none."""
    logger: logging.Logger = g.get('log') or current_app.logger
    return logger


@dataclass(frozen=True)
class GitHub:
    """What the host knows of GitHub: the repository whose runs it has, and its token there. '' is for unknown."""

    owner: str
    repository: str
    token: str = field(repr=False)

    @property
    def full_name(self) -> str:
        """Give the name of the repository as GitHub writes it."""
        return f'{self.owner}/{self.repository}' if self.owner and self.repository else ''

    def open_repository(self) -> Any:
        """
        Open the repository as PyGithub's, on terms that a person who waits can bear.

        PyGithub's own are to try again and again, up to an hour when the token is used up.

        Raises
        ------
        LookupError
            The host has no token, or no repository.
        """
        if not self.token or not self.full_name:
            raise LookupError('The application is not configured for GitHub.')
        from github import Auth, Github
        github = Github(auth=Auth.Token(self.token), timeout=5, retry=None, per_page=100)
        return github.get_repo(self.full_name)


def github() -> GitHub:
    """Give what the host knows of GitHub: ``g.github``, or outside a request what it is made from."""
    known = g.get('github')
    if known is None:
        config = current_app.config
        return GitHub(config.get('GITHUB_OWNER', ''), config.get('GITHUB_REPOSITORY', ''),
                      config.get('GITHUB_TOKEN', ''))
    return GitHub(known.get('repository_owner', ''), known.get('repository', ''), known.get('bot_token', ''))


def post_pending_status(repository: Any, commit: str, platform: str, description: str, address: str | None) -> None:
    """Post the status of a commit on a platform, in the place of the one that it has, through the host's function."""
    controllers = import_module('mod_ci.controllers')
    target = {} if address is None else {'target_url': address}
    controllers.update_status_on_github(repository.get_commit(commit), 'pending', description, f'CI - {platform}',
                                        **target)


def find_build_artifact(repository: Any, commit: str, platform: str) -> Any:
    """Look up the build of a commit for a platform through the host's function, which hides errors behind None."""
    controllers = import_module('mod_ci.controllers')
    member = getattr(import_module('mod_test.models').TestPlatform, platform)
    return controllers.find_artifact_for_commit(repository, commit, member, log())


def artifact_search_limit() -> float:
    """Give the number of artifacts after which the host's function gives up."""
    limit: float = getattr(import_module('mod_ci.controllers'), 'MAX_ARTIFACTS_TO_SEARCH', float('inf'))
    return limit
