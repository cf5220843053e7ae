"""What retries run and what attempts prove in generated databases on a server, whose collation takes more for equal."""

from collections.abc import Iterator

import pytest
from application import create_app, dispose
from database import db
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mod_test.models import TestStatus
from support.databases import Database
from support.worlds import ATTEMPTS, ROOT, RUNS, WORLDS, File, GeneratedTest, Output, World, assert_as_documented


@pytest.fixture
def host(database: Database) -> Iterator[Flask]:
    """Return the miniature on an empty database, in a request that it has prepared."""
    host = create_app(database.uri, RUNS_API_INACTIVE_TESTS='drop')
    with host.test_request_context():
        host.preprocess_request()
        yield host
        db.session.remove()
    dispose(host)


#: A run that made outputs of which a collation takes most for the accepted one.
ALIKE = World([
    GeneratedTest(active=True, in_category=True, rows={ROOT: 1}, results={ROOT: (0, 0)}, marks={},
                  outputs=[Output(ignore=False, variants=['a'], files={ROOT: File('right', got)})])
    for got in ('a', 'A', 'a ', 'á')], dict.fromkeys(RUNS, [TestStatus.completed]), list(RUNS))


@example(world=ALIKE, place=0)
@given(world=WORLDS, place=st.integers(0, 2))
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_package_says_what_the_docs_say(host: Flask, world: World, place: int) -> None:
    assert_as_documented(world, ATTEMPTS[place], drop_inactive=True)
