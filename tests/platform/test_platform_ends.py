"""Ends that the platform writes itself, half-way and after the end (docs/api.rst, "An attempt ends whole")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from protocol import AUTHOR, CRASH, Said, Story, Worker

pytestmark = pytest.mark.platform


@dataclass(frozen=True)
class Retried:
    """The run of a pull request and a failed-only retry of it, which is queued."""

    story: Story
    tests: list[int]
    source: int
    retry: int

    @property
    def number(self) -> int:
        """The number of the pull request."""
        return int(self.story.run(self.retry)['pr_nr'])

    def start(self) -> Worker:
        """Let the retry get half-way: the first of its two tests has run."""
        worker = self.story.worker(self.retry)
        worker.start()
        worker.run(self.tests[0])
        return worker

    # How the platform cancels it

    def cancel_by_the_api(self) -> None:
        """Cancel it by the API."""
        self.story.cancel(self.retry)

    def stop_on_its_page(self) -> None:
        """Cancel it on its page."""
        self.story.stop(self.retry)

    def close_its_pull_request(self) -> None:
        """Have GitHub report that its pull request is closed."""
        self.story.report_pull(self.number, self.story.run(self.retry)['commit'], 'closed')

    def block_its_author(self) -> None:
        """Block the author of its pull request."""
        self.story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})

    def find_its_pull_request_closed(self) -> None:
        """Have the scheduled job find that its pull request is closed."""
        self.story.process.call('close_pull', number=self.number)
        self.story.run_scheduled_job()

    def find_no_build(self) -> None:
        """Have the scheduled job find that its build is gone."""
        self.story.process.call('lose_build', commit=self.story.run(self.retry)['commit'])
        self.story.run_scheduled_job()

    def give_up(self) -> None:
        """Have its worker give up."""
        self.story.worker(self.retry).end('canceled')

    def take_too_long(self) -> None:
        """Have the scheduled job find that its time is over."""
        self.story.worker(self.retry).run_out_of_time()

    def reboot(self) -> None:
        """Have its machine begin anew."""
        self.story.worker(self.retry).post('progress', status='preparation', message='once more')


@pytest.fixture
def retried(story: Story) -> Retried:
    """Retry the two of five tests that failed on a pull request."""
    tests = story.tests(5)
    source = story.complete(story.open_pull(tests), dict.fromkeys(tests[:2], CRASH))
    return Retried(story, tests, source, story.retry(source))


@pytest.mark.parametrize('cancel', [
    Retried.cancel_by_the_api, Retried.stop_on_its_page, Retried.close_its_pull_request, Retried.block_its_author,
    Retried.find_its_pull_request_closed, Retried.find_no_build])
def test_nothing_is_carried_into_a_retry_that_is_canceled_in_the_queue(
        story: Story, retried: Retried, cancel: Callable[[Retried], None]) -> None:
    cancel(retried)

    assert story.said(retried.retry) == Said('canceled', tests=2, passed=0, failed=0, not_run=2)
    assert [attempt['carried_over'] for attempt in story.attempts(retried.source)] == [0, 0]


@pytest.mark.parametrize('cancel', [
    Retried.cancel_by_the_api, Retried.stop_on_its_page, Retried.give_up, Retried.take_too_long, Retried.reboot])
def test_a_retry_that_is_canceled_half_way_is_whole_when_it_completes_after_all(
        story: Story, retried: Retried, cancel: Callable[[Retried], None]) -> None:
    worker = retried.start()
    cancel(retried)
    assert story.said(retried.retry) == Said('canceled', tests=2, passed=1, failed=0, not_run=1)
    assert story.origins(retried.retry) == {retried.tests[0]: retried.retry}

    # Nothing of this stops a machine that goes on.
    worker.run(retried.tests[1])
    worker.end()

    assert story.said(retried.retry) == Said('pass', tests=5, passed=5, failed=0, not_run=0)
    assert '5/5 tests matched the approved output' in story.report(retried.retry)
    assert story.origins(retried.retry) == {**dict.fromkeys(retried.tests[:2], retried.retry),
                                            **dict.fromkeys(retried.tests[2:], retried.source)}


def test_a_retry_that_was_canceled_in_the_queue_is_retried_with_its_tests(story: Story, retried: Retried) -> None:
    story.cancel(retried.retry)

    again = story.retry(retried.retry)

    assert story.selection(again) == retried.tests[:2]
    assert story.said(story.complete(again)) == Said('pass', tests=5, passed=5, failed=0, not_run=0)


def test_a_retry_without_its_other_half_is_whole_in_the_next_one(story: Story, retried: Retried) -> None:
    retried.start().end('canceled')

    again = story.retry(retried.retry)

    assert story.selection(again) == retried.tests[1:2]
    assert story.said(story.complete(again)) == Said('pass', tests=5, passed=5, failed=0, not_run=0)
    assert story.origins(again)[retried.tests[0]] == retried.retry


def test_a_completed_retry_that_is_canceled_stays_whole(story: Story, retried: Retried) -> None:
    story.complete(retried.retry)
    whole = story.origins(retried.retry)

    story.stop(retried.retry)

    assert story.origins(retried.retry) == whole
    assert story.attempts(retried.source)[1]['carried_over'] == 3
    assert story.verdict(retried.source)['meta']['overall'] == 'unstable'


def test_the_page_of_a_canceled_retry_is_shown(story: Story, retried: Retried) -> None:
    story.cancel(retried.retry)

    assert 'An error occurred' in story.page(retried.retry)
    assert set(story.categories(retried.retry)['General']) == set(retried.tests[:2])
