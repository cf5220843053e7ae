"""What a retry runs in generated databases, against a plain reading of contract section 4."""

from __future__ import annotations

import pytest
from database import db
from flask import Flask
from generated import WORLDS, World, outcome, reading, write
from hypothesis import HealthCheck, given, settings


@pytest.mark.parametrize('inactive', ['reject', 'drop'])
@given(world=WORLDS)
@settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_retry_runs_what_section_4_says(app: Flask, inactive: str, world: World) -> None:
    app.config['RUNS_API_INACTIVE_TESTS'] = inactive
    app.preprocess_request()
    write(db.session, world)

    for failed_only in (False, True):
        assert outcome(failed_only) == reading(world, failed_only, drop_inactive=inactive == 'drop')
