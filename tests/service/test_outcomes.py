"""Outcomes on a server, whose collation takes different hashes for the same."""

import pytest
from application import hosted
from support.outcomes import NOT_SELECTED, SELECTED, assert_shown


@pytest.mark.parametrize('cases', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])
def test_the_verdict_shows_each_outcome(database, cases):
    with hosted(database.uri):
        assert_shown(cases)
