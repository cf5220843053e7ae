"""The platform at run time: its session, the user who is logged in, and the addresses of its pages."""

from collections.abc import Callable, Mapping
from typing import Any, Union

from flask import Flask, current_app, g, url_for
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session, scoped_session
from werkzeug.routing import BuildError

import database

from ..domain.run import MAX_ID
from ..domain.users import User
from ..errors import MountError

PlatformSession = Union[Session, 'scoped_session[Session]']

#: The endpoints of the platform's pages to which the package links, each with the name of the id in its address.
RUN_PAGE = 'test.by_id', 'test_id'
REGRESSION_TEST_PAGE = 'regression.test_view', 'regression_id'


def require_platform(app: Flask) -> None:
    """Raise :exc:`MountError` if the platform lacks a name that the functions of this module read later."""
    for name in ('create_session', 'db_engine'):
        if not hasattr(database, name):
            raise MountError(f'The platform has no database.{name}.')
    addresses = app.url_map.bind('localhost')
    for endpoint, id_name in (RUN_PAGE, REGRESSION_TEST_PAGE):
        try:
            addresses.build(endpoint, {id_name: 1})
        except BuildError:
            raise MountError(f'The application has no page {endpoint} whose address has a {id_name}.') from None


def logged_in_user() -> User | None:
    """Return the user of the session cookie, the platform's ``g.user``; None if nobody is logged in."""
    user = g.get('user')
    if user is None:
        return None
    known = User.from_row(user.id, user.name, getattr(user.role, 'value', user.role))
    return None if known.is_deactivated else known


def platform_session() -> PlatformSession:
    """Return ``flask.g.db``, or outside a request a session like the platform's own jobs have."""
    if 'db' in g:
        session: scoped_session[Session] = g.db
        return session
    # The platform's own function also creates the tables and points every `Model.query` of the process to the new
    # session. If there is an engine already, the caller would lose its objects.
    if database.db_engine is not None:
        return Session(database.db_engine)
    uri = current_app.config['DATABASE_URI']
    # If the database is unavailable, the platform's function prints a traceback and raises its own exception.
    create_engine(uri, poolclass=NullPool).connect().close()
    return database.create_session(uri)


def run_page(run_id: int, **options: Any) -> str:
    """Return the address of the platform's page of a run. The options are those of Flask's ``url_for``."""
    return _page(RUN_PAGE, run_id, options)


def regression_test_page(regression_test_id: int, **options: Any) -> str:
    """Return the address of the platform's page of a regression test. The options are those of Flask's ``url_for``."""
    return _page(REGRESSION_TEST_PAGE, regression_test_id, options)


def _page(page: tuple[str, str], id: int, options: Mapping[str, Any]) -> str:
    endpoint, id_name = page
    values: dict[str, Any] = {id_name: id, **options}
    return url_for(endpoint, **values)


def run_page_pattern() -> str:
    """Return the address of the platform's page of a run, with ``{run_id}`` in the place of the id."""
    # Built with an id, because the platform's route may accept only integers. The part before the id is the platform's.
    before, _, after = run_page(MAX_ID).rpartition(str(MAX_ID))
    return f'{before}{{run_id}}{after}'


def to_external(page: Callable[..., str], id: int) -> str | None:
    """Return the address of a page for readers elsewhere; None if no URL can be built."""
    try:
        return page(id, _external=True)
    except RuntimeError:
        return None  # Flask has neither a request nor a SERVER_NAME.
