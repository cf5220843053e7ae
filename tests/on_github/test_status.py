"""The status of a commit that lags is posted again (docs/github.rst, "Comments")."""

import pytest
import seed
from mod_test.models import TestPlatform, TestStatus
from support.github import COMMIT, PR
from support.histories import end, finish

from mod_runs_api import retry_run

POSTED = ' The status on GitHub is posted again: success.'
RED = {'commit': COMMIT, 'context': 'CI - linux', 'state': 'failure'}
GREEN = {**RED, 'state': 'success'}


@pytest.fixture
def green(make_run, tests, github):
    """A run that passed, although GitHub says that it failed. An older run has the same commit."""
    github.statuses.append(RED)
    make_run(pr_nr=PR + 1)
    run = make_run(stages=())
    finish(run.id, tests)
    return run


def test_retry_failed_posts_the_status_of_a_run_that_passed_once(comment, github, green, rows):
    first, second = (comment('/retry linux failed').reply for _ in range(2))

    nothing = (f'- linux: run {green.id} is not retried: '
               f'`No test of run {green.id} failed: there is nothing to run again.')
    assert (first, second) == (f'{nothing}{POSTED}`', f'{nothing}`')
    assert github.statuses == [RED, {**GREEN, 'description': 'All tests passed',
                                     'target_url': f'http://localhost/test/{green.id}'}]
    assert rows.retries == []


@pytest.mark.parametrize('statuses', [[], [{**GREEN, 'context': 'CI - windows'}], [GREEN, RED]])
def test_the_newest_status_of_the_platform_counts(comment, github, green, statuses):
    github.statuses = [*statuses]

    assert comment('/retry linux failed').reply.endswith(f'{POSTED}`')
    assert github.statuses[len(statuses):] == [{**GREEN, 'description': 'All tests passed',
                                                'target_url': f'http://localhost/test/{green.id}'}]


def test_the_variant_that_was_accepted_since_makes_a_run_green(comment, github, linux, tests):
    output, = tests[1].output_files
    wrong = seed.digest()
    seed.result(linux, tests[1], {output.id: wrong})
    assert comment('/retry linux failed').retries
    end(linux.id + 1, TestStatus.canceled)

    seed.variant(output, wrong)

    # The newer attempt ended without a result.
    assert comment('/retry linux failed').reply.endswith(f'{POSTED}`')


def cancel(make_run, green):
    """Write the time limit after the completion."""
    end(green.id, TestStatus.canceled)


@pytest.mark.parametrize(('happen', 'is_posted'), [
    (lambda make_run, green: make_run(pr_nr=PR + 1), False),
    (lambda make_run, green: make_run(branch='fix', stages=()), False),
    (lambda make_run, green: make_run(TestPlatform.windows), True),
    (lambda make_run, green: make_run(commit='0ff'), True), (cancel, False)])
def test_a_newer_run_of_the_commit_keeps_its_status_and_a_canceled_run_has_none(
        comment, github, make_run, green, happen, is_posted):
    happen(make_run, green)

    outcome = comment('/retry linux failed')

    assert outcome.refusals and outcome.reply.endswith(f'{POSTED}`') == is_posted
    assert (len(github.statuses) == 2) == is_posted


def test_no_status_is_posted_while_an_attempt_is_queued(comment, github, green):
    retry_run(green.id)

    assert comment('/retry linux failed').reply.endswith('an attempt of the same run, is still queued.`')
    assert github.statuses == [RED]


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_AUTHOR_RETRIES': 1}])
def test_a_status_that_github_does_not_take_is_not_said_to_be_posted(comment, github, green, caplog):
    github.faults = {'status': ConnectionError('ghp_secret')}

    assert comment('/retry linux failed').reply.endswith('there is nothing to run again.`')
    assert f'the status of run {green.id} is not posted again: ConnectionError: ***' in caplog.messages
    assert 'ghp_secret' not in caplog.text
