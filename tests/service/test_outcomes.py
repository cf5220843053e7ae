"""Outcomes on a server, whose collation takes different hashes for the same."""

from collections.abc import Iterator

import pytest
from application import create_app, dispose
from database import db
from support.databases import Database
from support.outcomes import NOT_SELECTED, SELECTED, Case, assert_shown


@pytest.fixture
def host(database: Database) -> Iterator[None]:
    """Provide the miniature on an empty database, in a request that it has prepared."""
    app = create_app(database.uri)
    with app.test_request_context():
        app.preprocess_request()
        yield
        db.session.remove()
    dispose(app)


@pytest.mark.parametrize('cases', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])
def test_the_verdict_shows_each_outcome(host: None, cases: dict[str, Case]) -> None:
    assert_shown(cases)
