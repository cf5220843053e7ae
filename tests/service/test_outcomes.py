"""Outcomes on a server, whose collation takes different hashes for the same."""


import pytest
from application import create_app, dispose
from database import db
from support.outcomes import NOT_SELECTED, SELECTED, assert_shown


@pytest.fixture
def host(database):
    """Provide the miniature on an empty database, in a request that it has prepared."""
    app = create_app(database.uri)
    with app.test_request_context():
        app.preprocess_request()
        yield
        db.session.remove()
    dispose(app)


@pytest.mark.parametrize('cases', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])
def test_the_verdict_shows_each_outcome(host, cases):
    assert_shown(cases)
