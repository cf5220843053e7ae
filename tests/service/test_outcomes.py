"""Outcomes on a server, whose collation takes different hashes for the same."""

import pytest
from application import in_application
from support.outcomes import NOT_SELECTED, SELECTED, assert_marks_count, assert_shown


@pytest.mark.parametrize('executions', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])
def test_the_verdict_shows_each_outcome(database, executions):
    with in_application(database.uri):
        assert_shown(executions)


def test_the_mark_of_a_carried_over_result_counts_while_the_end_is_there(database):
    with in_application(database.uri):
        assert_marks_count()
