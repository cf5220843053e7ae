"""The status of a run that passed is posted again (docs/github.rst, "Comments")."""

import pytest
import seed
from database import db
from mod_test.models import TestPlatform, TestProgress, TestStatus
from support.github import COMMIT, PR
from support.histories import end, end_only, finish, report
from support.messages import TIME_LIMIT

from mod_runs_api import retry_run

RED = {'commit': COMMIT, 'context': 'CI - linux', 'state': 'failure'}
GREEN = {**RED, 'state': 'success'}
POSTED = '- The status of run {} is posted again: success. No test of it failed.'
NOTHING = '- linux: run {0} is not retried: `No test of run {0} failed: there is nothing to run again.'
FAILED_BUILD = 'Cancelling tests as Github Action(s) failed'


@pytest.fixture
def green(make_run, tests, github):
    """A run that passed, although GitHub says that it failed."""
    github.statuses.append(RED)
    run = make_run(stages=())
    finish(run.id, tests)
    return run


@pytest.fixture
def posted(green):
    """The new status."""
    return {**GREEN, 'description': 'All tests passed', 'target_url': f'http://localhost/test/{green.id}'}


def cancel(run, message):
    """Write a canceled row."""
    seed.add(TestProgress(run.id, TestStatus.canceled, message))
    db.session.commit()


def test_retry_failed_posts_the_status_of_a_run_that_passed_once(comment, github, green, posted, rows):
    first, second = (comment('/retry linux failed').reply for _ in range(2))

    assert first == POSTED.format(green.id)
    assert second == f'{NOTHING.format(green.id)}`'
    assert github.statuses == [RED, posted]
    assert rows.retries == []


def test_the_reply_names_the_commit_if_it_may_not_be_the_head(comment, github, green):
    github.faults = {f'pull request {PR}': ConnectionError()}

    assert comment('/retry linux failed').reply == POSTED.format(f'{green.id} of commit `{COMMIT[:8]}`')


def test_a_reply_about_two_platforms_begins_with_the_status(comment, green, make_run):
    windows = make_run(TestPlatform.windows)

    status, retry = comment('/retry failed').reply.splitlines()

    assert status == POSTED.format(green.id)
    assert retry.startswith(f'- windows: run {windows.id} is queued again as ')


@pytest.mark.parametrize('statuses', [[], [{**GREEN, 'context': 'CI - windows'}], [GREEN, RED]])
def test_the_newest_status_of_the_platform_counts(comment, github, green, posted, statuses):
    github.statuses = [*statuses]

    assert comment('/retry linux failed').reply == POSTED.format(green.id)
    assert github.statuses[len(statuses):] == [posted]


def test_the_variant_that_was_accepted_since_makes_a_run_green(comment, linux, tests):
    output, = tests[1].output_files
    wrong = seed.digest()
    seed.result(linux, tests[1], {output.id: wrong})
    assert comment('/retry linux failed').retries
    # The newer attempt ended without a result.
    end(linux.id + 1, TestStatus.canceled)

    seed.variant(output, wrong)

    assert comment('/retry linux failed').reply == POSTED.format(linux.id)


@pytest.mark.parametrize('message', [FAILED_BUILD, TIME_LIMIT])
def test_a_green_run_that_a_later_row_turned_red_gets_its_status_back(comment, github, green, posted, message):
    cancel(green, message)

    assert comment('/retry linux failed').reply == POSTED.format(green.id)
    assert github.statuses == [RED, posted]


@pytest.mark.parametrize('message', ['PR closed', 'Canceled by admin'])
def test_a_run_that_was_decided_after_it_had_passed_gets_no_status(comment, github, green, message):
    cancel(green, message)

    assert comment('/retry linux failed').reply == f'{NOTHING.format(green.id)}`'
    assert github.statuses == [RED]


def test_an_older_attempt_that_ended_later_and_failed_is_the_one_that_counts(comment, github, green, tests):
    retry = retry_run(green.id).new_run_id
    finish(retry, tests, failed=tests[:1])

    assert comment('/retry linux failed').retries[0].run_id == retry
    assert [status['state'] for status in github.statuses] == ['failure', 'pending', 'pending']


def test_no_status_is_posted_while_an_attempt_is_queued(comment, github, green):
    retry_run(green.id)

    assert comment('/retry linux failed').reply.endswith('an attempt of the same run, is still queued.`')
    assert [status['state'] for status in github.statuses] == ['failure', 'pending']


def test_another_run_of_the_commit_stands_against_it_and_the_reply_names_it(comment, github, green, make_run, tests):
    other = make_run(pr_nr=PR + 1, stages=())
    finish(other.id, tests, failed=tests[1:])

    assert comment('/retry linux failed').reply == (
        f'{NOTHING.format(green.id)} Its status is not posted again: test {tests[1].id} failed in run {other.id} of '
        'the same commit. A maintainer may write "/retry".`')
    assert github.statuses == [RED]


@pytest.mark.parametrize('configuration', [{'pr_nr': PR + 1}, {'branch': 'fix'}])
def test_a_newer_run_of_the_commit_in_which_nothing_failed_does_not_stand_against_it(
        comment, github, green, posted, make_run, configuration):
    # It has not ended.
    make_run(stages=(), **configuration)

    assert comment('/retry linux failed').reply == POSTED.format(green.id)
    assert github.statuses == [RED, posted]


def test_a_retry_into_which_a_failure_is_still_to_be_carried_over_has_not_passed(comment, github, incomplete, command):
    statuses = [*github.statuses]

    assert comment('/retry linux failed').reply == (
        f'{NOTHING.format(incomplete)} Its status is not posted again: results are still to be carried over into it.`')
    assert github.statuses == statuses

    assert command('carry-over', incomplete).exit_code == 0
    assert comment('/retry linux failed').retries[0].run_id == incomplete


def test_a_green_result_that_is_still_to_be_carried_over_keeps_no_status_red(comment, github, make_run, tests):
    first = make_run().id
    retry_id = retry_run(first, failed_only=True).new_run_id
    report(retry_id, tests[1:])
    end_only(retry_id)

    assert comment('/retry linux failed').reply == POSTED.format(retry_id)


def test_the_reply_says_that_github_did_not_take_the_status(comment, github, green, caplog):
    github.faults = {'status': ConnectionError('ghp_secret')}

    assert comment('/retry linux failed').reply == (
        f'{NOTHING.format(green.id)} GitHub did not take its status. Write this command again later.`')
    assert f'GitHub did not take the status of run {green.id}: ConnectionError: ***' in caplog.messages
    assert 'ghp_secret' not in caplog.text
