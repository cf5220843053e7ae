"""The five conditions, each with its sentence (docs/how-it-works.rst, "The five conditions")."""

from datetime import datetime

import pytest

from mod_runs_api.domain.conditions import (PullRequest, explain_blocked, explain_closed, explain_no_build,
                                            explain_superseded, explain_unfinished, find_unfinished)
from mod_runs_api.domain.progress import Progress, ProgressRow

from .test_retry import run


def progress(run_id, stages):
    """Return the progress of a run."""
    return Progress(run_id, [ProgressRow(run_id, number, stage, '', datetime(2020, 1, 1))
                             for number, stage in enumerate(stages)])


@pytest.mark.parametrize(('changes', 'where'), [
    ({'test_type': 'pr', 'pr_nr': 7}, 'pull request 7'),
    ({'test_type': 'commit', 'branch': 'master'}, 'branch master')])
def test_the_commit_of_a_run_may_not_be_superseded(changes, where):
    source = run('completed', commit='c0ffee00' * 5, **changes)

    assert explain_superseded(source, None) is None
    assert explain_superseded(source, 9) == (
        f'Commit c0ffee00 is superseded: run 9, of another commit of {where}, is newer.')


@pytest.mark.parametrize(('stages', 'is_unfinished'), [
    ([], True), (['testing'], True), (['canceled', 'testing'], True), (['completed'], False), (['canceled'], False)])
def test_an_attempt_is_unfinished_until_it_has_ended_however_old_it_is(stages, is_unfinished):
    attempt = progress(6, stages)

    assert (find_unfinished([attempt]) is attempt) == is_unfinished


@pytest.mark.parametrize(('unfinished', 'sentence'), [
    (None, None), (progress(5, []), 'Run 5 is still queued.'),
    (progress(6, ['testing']), 'Run 6, an attempt of the same run, is still running.')])
def test_every_attempt_must_have_ended(unfinished, sentence):
    assert explain_unfinished(run('completed'), unfinished) == sentence


@pytest.mark.parametrize(('is_open', 'is_blocked', 'has_build', 'sentences'), [
    (True, False, True, [None] * 3),
    (False, True, False, [
        'Pull request 7 is closed.', 'The author of pull request 7 is blocked.',
        'There is no build of commit c0ffee00 for linux: it failed, waits for an approval, was not needed because no '
        'code had changed, or is gone. GitHub keeps builds for 90 days, and the platform looks at the newest ones '
        'only.'])])
def test_the_pull_request_is_open_its_author_not_blocked_and_its_build_there(
        is_open, is_blocked, has_build, sentences):
    source = run('completed', test_type='pr', pr_nr=7, commit='c0ffee00' * 5)

    assert sentences == [explain_closed(source, PullRequest('c0ffee', is_open, author_id=1)),
                         explain_blocked(source, is_blocked), explain_no_build(source, has_build)]
