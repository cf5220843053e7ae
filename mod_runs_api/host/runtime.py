"""The host at run time: its session, the user who is logged in, its log and the addresses of its pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Union

from flask import current_app, g, url_for
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session, scoped_session
from werkzeug.routing import BuildError

from .models import MAX_ID, HostModels, User

HostSession = Union[Session, 'scoped_session[Session]']


@dataclass(frozen=True)
class HostRuntime:
    """What the package uses of a running host."""

    models: HostModels
    get_session: Callable[[], HostSession]
    #: Attributes that have another name in the host's models.
    names: Mapping[str, str]

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        Begin a transaction of the package's own on the host's database, and commit it at the end.

        What the caller has pending in the host's session is neither committed nor rolled back with it.
        """
        with self._engine().begin() as connection:
            yield connection

    def _engine(self) -> Engine:
        bind = self.get_session().get_bind(clause=self.models.test.table)
        return bind.engine

    def release_connection(self) -> None:
        """
        Have the host's session give its connection back, if nothing is pending in it.

        A request that waits for a second connection while it holds one may wait for ever: the others do the same.
        """
        session = self.get_session()
        if not (session.new or session.dirty or session.deleted):
            session.rollback()

    def session_connection(self) -> Connection:
        """Return the connection of the host's session, in the transaction that the session is in."""
        return self.get_session().connection(bind_arguments={'clause': self.models.test.table})

    def logged_in_user(self) -> User | None:
        """Return the user whom the session cookie of the current request names: the host's ``g.user``."""
        user = g.get('user')
        if user is None:
            return None
        role = self.attribute('User', 'role', user)
        found = User(self.attribute('User', 'id', user), self.attribute('User', 'name', user),
                     getattr(role, 'value', role))
        return None if found.is_deactivated else found

    def run_id(self, test: Any) -> int:
        """Return the id of a run that is given as the host's model."""
        return int(self.attribute('Test', 'id', test))

    def attribute(self, model: str, name: str, instance: Any) -> Any:
        """Return an attribute of an instance of one of the host's models, by the platform's name for it."""
        return getattr(instance, self.names.get(f'{model}.{name}', name))


def platform_session() -> HostSession:
    """Return ``flask.g.db``, or outside a request a session like the platform's own jobs have."""
    if 'db' in g:
        session: scoped_session[Session] = g.db
        return session
    # The platform's own function for it also makes the tables, and points every `Model.query` of the process to the
    # new session: if there is an engine already, that would pull the caller's objects from under it.
    database = import_module('database')
    engine = getattr(database, 'db_engine', None)
    if engine is not None:
        return Session(engine)
    created: scoped_session[Session] = database.create_session(current_app.config['DATABASE_URI'])
    return created


def log() -> logging.Logger:
    """Return the log of the host: ``g.log``, or the application's if there is none."""
    logger: logging.Logger = g.get('log') or current_app.logger
    return logger


def run_page(run_id: int, external: bool = False) -> str:
    """Return the address of the host's page of a run."""
    return url_for('test.by_id', test_id=run_id, _external=external)


def run_page_pattern() -> str:
    """Return the address of the host's page of a run, with ``{run_id}`` in the place of the id."""
    # Built with an id, because the host's route may accept integers only. What stands before it is the host's.
    before, _, after = run_page(MAX_ID).rpartition(str(MAX_ID))
    return f'{before}{{run_id}}{after}'


def regression_test_page(test_id: int, external: bool = False) -> str | None:
    """Return the address of the host's page of a regression test; None if no URL can be built."""
    try:
        return url_for('regression.test_view', regression_id=test_id, _external=external)
    except (BuildError, RuntimeError):
        return None


def external_run_page(run_id: int) -> str | None:
    """Return the address of the host's page of a run for readers elsewhere; None if no URL can be built."""
    try:
        return run_page(run_id, external=True)
    except (BuildError, RuntimeError):
        return None
