"""What a retry runs in generated databases, against a plain reading of contract section 4."""

from __future__ import annotations

import pytest
from database import db
from flask import Flask
from hypothesis import HealthCheck, given, settings
from support.generated_databases import (CONTENTS, Content, actual_outcome,
                                         expected_outcome, write)


@pytest.mark.parametrize('inactive', ['reject', 'drop'])
@given(content=CONTENTS)
@settings(max_examples=200, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_retry_runs_what_section_4_says(app: Flask, inactive: str, content: Content) -> None:
    app.config['RUNS_API_INACTIVE_TESTS'] = inactive
    app.preprocess_request()
    write(db.session, content)

    for failed_only in (False, True):
        assert actual_outcome(failed_only) == expected_outcome(content, failed_only, drop_inactive=inactive == 'drop')
