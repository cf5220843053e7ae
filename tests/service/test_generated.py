"""What a retry runs in generated databases, on MariaDB, against a plain reading of contract section 4."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from application import create_app, dispose
from database import db
from flask import Flask
from hypothesis import HealthCheck, given, settings
from support.generated_databases import (CONTENTS, Content, actual_outcome,
                                         expected_outcome, write)

from .databases import Database

pytestmark = pytest.mark.service


@pytest.fixture
def host(database: Database, inactive: str) -> Iterator[Flask]:
    """Return the miniature on an empty database, in a request that it has prepared."""
    host = create_app(database.uri(), RUNS_API_INACTIVE_TESTS=inactive)
    with host.test_request_context():
        host.preprocess_request()
        yield host
        db.session.remove()
    dispose(host)


@pytest.mark.parametrize('inactive', ['reject', 'drop'])
@given(content=CONTENTS)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_retry_runs_what_section_4_says(host: Flask, inactive: str, content: Content) -> None:
    write(db.session, content)

    for failed_only in (False, True):
        assert actual_outcome(failed_only) == expected_outcome(content, failed_only, drop_inactive=inactive == 'drop')
