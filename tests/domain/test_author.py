"""When the author of a pull request is told how to retry its run (docs/github.rst, "The author is told")."""

from datetime import datetime, timedelta

import pytest

from mod_runs_api.domain.author import TOLD_FOR, AuthorHint, find_canceled, find_unexplained, has_ended_recently
from mod_runs_api.domain.progress import Progress, ProgressRow
from mod_runs_api.domain.retry import RetryRules
from mod_runs_api.domain.verdict import TestVerdict

from .test_retry import run

NOW = datetime(2026, 11, 24, 12)
CANCELED = ('canceled', ' Canceled by admin')


def progress(run_id, *rows, ago=timedelta()):
    """Return the progress of a run: statuses and messages."""
    return Progress(run_id, [ProgressRow(run_id, 10 * run_id + number, status, message, NOW - ago)
                             for number, (status, message) in enumerate(rows)])


@pytest.mark.parametrize(('age', 'is_recent'), [(TOLD_FOR, True), (TOLD_FOR + timedelta(minutes=1), False)])
def test_on_a_page_the_author_is_told_for_a_week_after_the_end(age, is_recent):
    # A row after the end is no end.
    ended = progress(5, ('completed', ''), ago=age)
    later = ProgressRow(5, 99, 'canceled', '', NOW)

    assert has_ended_recently(Progress(5, [*ended.rows, later]), NOW) == is_recent
    assert not has_ended_recently(progress(5, ('testing', '')), NOW)


@pytest.mark.parametrize(('source', 'others', 'newest', 'canceled_id'), [
    ([('completed', '')], [], [('completed', '')], None), ([CANCELED], [], [('completed', '')], 5),
    # Whatever its machine wrote later, and whether it ended.
    ([('completed', '')], [], [CANCELED, ('testing', '')], 7),
    # An attempt between the two decides nothing.
    ([('completed', '')], [CANCELED], [('completed', '')], None)])
def test_a_person_stopped_the_run_that_would_be_retried_or_the_newest_attempt(source, others, newest, canceled_id):
    attempts = {5: progress(5, *source), 6: progress(6, *others), 7: progress(7, *newest)}

    assert find_canceled(attempts, 5) == canceled_id


@pytest.mark.parametrize(('author_retries', 'changes', 'is_allowed'), [
    (1, {}, True), (0, {}, False),
    # Somebody made this run by hand; it may be of an older commit.
    (1, {'branch': 'fix'}, False),
    (1, {'test_type': 'commit', 'pr_nr': 0}, False)])
def test_an_author_may_retry_runs_that_the_platform_made_for_the_pull_request(author_retries, changes, is_allowed):
    rules = RetryRules(frozenset(), drop_inactive_tests=False, author_retries=author_retries)

    assert rules.allow_author(run(**changes)) == is_allowed


def test_a_failure_may_be_chance_unless_it_repeats():
    verdicts = [TestVerdict(1, '', True, 'failed_once', 'fail', []),
                TestVerdict(2, '', True, 'failing_identically', 'fail', [])]

    assert find_unexplained([1, 2, 3], verdicts) == {1, 3}


def test_the_sentence_names_the_command_where_to_write_it_and_how_often_it_may_be_used():
    assert AuthorHint.of('linux', 2, has_no_build=False, may_start_by_itself=False).markdown == (
        'If this is not due to the pull request, its author may write `/retry linux failed` in a comment on it '
        '(2 times).')


@pytest.mark.parametrize(('has_no_build', 'start'), [
    (False, 'If this is not due to the pull request, its author may'),
    (True, 'Once its build has succeeded, the author of this pull request may')])
def test_the_sentence_says_what_comes_by_itself_and_whether_it_waits_for_a_build(has_no_build, start):
    for may_start_by_itself, end in ((False, ''), (True, ' A new run may start by itself.')):
        hint = AuthorHint.of('windows', 1, has_no_build, may_start_by_itself)
        assert hint.markdown == f'{start} write `/retry windows failed` in a comment on it (1 time).{end}'
