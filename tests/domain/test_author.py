"""When the author of a pull request is told how to retry its run (docs/github.rst, "The author is told")."""

from datetime import datetime, timedelta

import pytest

from mod_runs_api.domain.author import TOLD_FOR, AuthorHint, find_unexplained, have_all_ended
from mod_runs_api.domain.causes import RunSummary
from mod_runs_api.domain.progress import Progress, ProgressRow
from mod_runs_api.domain.retry import RetryRules
from mod_runs_api.domain.verdict import TestVerdict

from .test_retry import run

NOW = datetime(2026, 11, 24, 12)
MAX_SILENCE = timedelta(hours=4)


def progress(run_id, *rows):
    """Return the progress of a run: statuses and messages, each with its age."""
    return Progress(run_id, [ProgressRow(run_id, 10 * run_id + number, status, message, NOW - ago)
                             for number, (status, message, ago) in enumerate(rows)])


def completed(run_id, ago=timedelta()):
    """Return the progress of a run that has completed."""
    return progress(run_id, ('completed', '', ago))


@pytest.mark.parametrize(('others', 'have_ended'), [
    ([], True), ([completed(6)], True), ([progress(6)], False),
    ([progress(6, ('testing', '', MAX_SILENCE))], False),
    ([progress(6, ('testing', '', MAX_SILENCE + timedelta(minutes=1)))], True),
    # The newest row counts.
    ([progress(6, ('preparation', '', 2 * MAX_SILENCE), ('testing', '', timedelta()))], False)])
def test_every_attempt_must_have_ended_or_lost_its_machine(others, have_ended):
    attempts = {attempt.run_id: attempt for attempt in (completed(5), *others)}

    assert have_all_ended(5, attempts, NOW, MAX_SILENCE) == have_ended


def test_a_run_that_has_lost_its_machine_has_not_ended_itself():
    lost = progress(5, ('testing', '', timedelta(hours=5)))

    assert not have_all_ended(5, {5: lost}, NOW, MAX_SILENCE)


@pytest.mark.parametrize(('age', 'is_told'), [
    (timedelta(days=7), True), (timedelta(days=7, minutes=1), False)])
def test_on_a_page_the_author_is_told_for_a_week_after_the_end(age, is_told):
    # A row after the end is no end.
    attempts = {5: progress(5, ('completed', '', age), ('canceled', '', timedelta()))}

    assert have_all_ended(5, attempts, NOW, MAX_SILENCE, TOLD_FOR) == is_told
    assert have_all_ended(5, attempts, NOW, MAX_SILENCE)


@pytest.mark.parametrize(('author_retries', 'changes', 'is_allowed'), [
    (1, {}, True), (0, {}, False),
    # Somebody made this run by hand; it may be of an older commit.
    (1, {'branch': 'fix'}, False),
    (1, {'test_type': 'commit', 'pr_nr': 0}, False)])
def test_an_author_may_retry_runs_that_the_platform_made_for_the_pull_request(author_retries, changes, is_allowed):
    rules = RetryRules(frozenset(), drop_inactive_tests=False, author_retries=author_retries)

    assert rules.allow_author(run(**changes)) == is_allowed


@pytest.mark.parametrize(('end', 'unexplained'), [
    (('completed', ''), {1, 3}), (('canceled', 'Could not complete test, time limit exceeded'), {1, 3}),
    (('canceled', 'Build failed: no artifact'), set()), (('canceled', 'Canceled by admin'), set())])
def test_a_failure_may_be_chance_unless_it_repeats_or_a_build_failed_or_a_person_decided(end, unexplained):
    summary = RunSummary(progress(5, (*end, timedelta())), selected=None, missing=0, results=1, longest_runtime=0)
    verdicts = [TestVerdict(1, '', True, 'failed_once', 'fail', []),
                TestVerdict(2, '', True, 'failing_identically', 'fail', [])]

    assert find_unexplained(summary, [1, 2, 3], verdicts) == unexplained


def test_the_sentence_names_the_command_and_how_often_it_may_be_used():
    assert AuthorHint.of('linux', 2).markdown == (
        'If these failures have another cause than this pull request, its author may write `/retry linux failed` '
        '(2 times).')
    assert AuthorHint.of('windows', 1).markdown.endswith('`/retry windows failed` (1 time).')
