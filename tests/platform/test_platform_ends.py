"""A failed-only retry ends whole, whoever writes its end (contract section 4, "An attempt ends whole")."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from protocol import CRASH, TOO_LONG, Said, Story, Worker

pytestmark = pytest.mark.platform

AUTHOR = 4711

#: Of five tests, three passed in the first run and two are the retry's own, of which none has run.
NONE_RAN = Said('canceled', tests=5, passed=3, failed=0, not_run=2)

#: One of the two has.
ONE_RAN = Said('canceled', tests=5, passed=4, failed=0, not_run=1)


@dataclass(frozen=True)
class Retried:
    """The run of a pull request and a failed-only retry of it, which is queued."""

    story: Story
    tests: list[int]
    source: int
    retry: int

    def start(self) -> Worker:
        """Let the retry get half-way: the first of its two tests has run."""
        worker = self.story.worker(self.retry)
        worker.start()
        worker.run(self.tests[0])
        return worker

    def origins(self, *own: int) -> dict[int, int]:
        """Return where the results come from when some tests are the retry's own."""
        return {**dict.fromkeys(self.tests[2:], self.source), **dict.fromkeys(own, self.retry)}


@pytest.fixture
def retried(story: Story) -> Retried:
    """Retry the two of five tests that failed on a pull request."""
    tests = story.tests(5)
    source = story.complete(story.open_pull(tests, AUTHOR), dict.fromkeys(tests[:2], CRASH))
    return Retried(story, tests, source, story.retry(source))


# Before it started


def test_a_queued_retry_that_is_canceled_by_the_api_ends_whole(story: Story, retried: Retried) -> None:
    story.cancel(retried.retry)

    assert story.said(retried.retry) == NONE_RAN
    assert story.origins(retried.retry) == retried.origins()


def test_a_queued_retry_that_is_stopped_on_its_page_ends_whole(story: Story, retried: Retried) -> None:
    story.visit(f'/test/stop_test/{retried.retry}')

    assert story.said(retried.retry) == NONE_RAN
    assert story.origins(retried.retry) == retried.origins()


def test_a_queued_retry_whose_pull_request_is_closed_ends_whole(story: Story, retried: Retried) -> None:
    number = story.run(retried.retry)['pr_nr']

    status = story.process.call('deliver', event='pull_request',
                                payload={'action': 'closed', 'pull_request': {'number': number}})

    assert status == 200
    assert story.rows.one('test_progress', test_id=retried.retry)['message'] == 'PR closed'
    assert story.said(retried.retry) == NONE_RAN
    assert story.origins(retried.retry) == retried.origins()


def test_a_queued_retry_whose_author_is_blocked_ends_whole(story: Story, retried: Retried) -> None:
    story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})

    assert story.commit_status(retried.retry)['description'] == 'Tests canceled since user blacklisted'
    assert story.said(retried.retry) == NONE_RAN
    assert story.origins(retried.retry) == retried.origins()


def test_a_queued_retry_that_the_scheduled_job_finds_closed_ends_whole(story: Story, retried: Retried) -> None:
    story.process.call('close_pull', number=story.run(retried.retry)['pr_nr'])

    story.run_scheduled_job()

    assert story.commit_status(retried.retry)['description'] == 'PR is closed'
    assert story.said(retried.retry) == NONE_RAN
    assert story.origins(retried.retry) == retried.origins()


def test_a_queued_retry_without_a_build_ends_whole(story: Story, retried: Retried) -> None:
    story.process.call('lose_build', commit=story.run(retried.retry)['commit'])

    story.run_scheduled_job()

    assert story.commit_status(retried.retry)['description'].startswith('No build available')
    assert story.said(retried.retry) == NONE_RAN
    assert story.origins(retried.retry) == retried.origins()


def test_a_retry_that_was_canceled_before_it_started_is_retried_with_its_own_tests(story: Story,
                                                                                   retried: Retried) -> None:
    story.cancel(retried.retry)

    again = story.retry(retried.retry)

    assert story.selection(again) == retried.tests[:2]
    assert story.said(story.complete(again)) == Said('pass', tests=5, passed=5, failed=0, not_run=0)


# Half-way


def test_a_retry_that_is_canceled_half_way_by_the_api_ends_whole(story: Story, retried: Retried) -> None:
    retried.start()

    story.cancel(retried.retry)

    assert story.said(retried.retry) == ONE_RAN
    assert story.origins(retried.retry) == retried.origins(retried.tests[0])


def test_a_retry_whose_worker_gives_up_half_way_ends_whole(story: Story, retried: Retried) -> None:
    worker = retried.start()

    worker.end('canceled')

    assert story.said(retried.retry) == ONE_RAN
    assert story.origins(retried.retry) == retried.origins(retried.tests[0])


def test_a_retry_that_takes_too_long_ends_whole(story: Story, retried: Retried) -> None:
    worker = retried.start()
    story.process.call('let_pass', machine=worker.machine, minutes=TOO_LONG)

    story.run_scheduled_job()

    assert story.commit_status(retried.retry)['description'] == 'Could not complete test, time limit exceeded'
    assert story.said(retried.retry) == ONE_RAN
    assert story.origins(retried.retry) == retried.origins(retried.tests[0])


def test_a_report_that_comes_out_of_order_ends_the_retry_whole(story: Story, retried: Retried) -> None:
    worker = retried.start()

    worker.post('progress', status='preparation', message='once more')

    assert story.rows.of('test_progress', test_id=retried.retry)[-1]['message'] == 'Duplicate Entries'
    assert story.said(retried.retry) == ONE_RAN
    assert story.origins(retried.retry) == retried.origins(retried.tests[0])


def test_a_worker_that_goes_on_after_the_cancellation_completes_the_whole(story: Story, retried: Retried) -> None:
    worker = retried.start()
    story.cancel(retried.retry)

    # The API stops no machine.
    worker.run(retried.tests[1])
    worker.end()

    assert story.said(retried.retry) == Said('pass', tests=5, passed=5, failed=0, not_run=0)
    assert '5/5 tests matched the approved output' in story.report(retried.retry)
    assert story.origins(retried.retry) == retried.origins(*retried.tests[:2])


def test_a_page_of_a_canceled_retry_is_shown(story: Story, retried: Retried) -> None:
    story.cancel(retried.retry)

    assert 'An error occurred' in story.page(retried.retry)
    assert set(story.categories(retried.retry)['General']) == set(retried.tests)
