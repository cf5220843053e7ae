"""What retries run and what attempts prove in generated databases, compared with a plain reading of the docs."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.worlds import ATTEMPTS, WORLDS, World, assert_as_documented

pytestmark = pytest.mark.usefixtures('app')


@pytest.mark.parametrize('app_settings', [{'RUNS_API_INACTIVE_TESTS': value} for value in ('reject', 'drop')])
@given(world=WORLDS, place=st.integers(0, 2))
@settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_package_says_what_the_docs_say(app_settings: dict[str, Any], world: World, place: int) -> None:
    assert_as_documented(world, ATTEMPTS[place], app_settings['RUNS_API_INACTIVE_TESTS'] == 'drop')
