"""
The platform is the judge of attempts: what it says of each of a history's is what the docs make of it.

Histories are made by chance, always the same ones: retries of any attempt that has ended, full ones and failed-only
ones, which overlap, complete with all results or without some, are canceled, and may complete after all. What is
expected is worked out here from the outcomes alone, without the package and without the platform (docs/api.rst, "An
attempt ends whole").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from checkout import Platform
from protocol import (BOTH, CRASH, MISSING, PASS, Outcome, Process, Said,
                      Story, Worker, differs)
from rows import Rows

pytestmark = [pytest.mark.platform, BOTH]

TESTS = 6
#: How many times something happens to a history.
STEPS = 24
#: How many attempts there may be that have not ended.
AT_ONCE = 3

OUTCOMES = (*[PASS] * 6, CRASH, MISSING, differs('a lost line'))


@dataclass
class Attempt:
    """A run, and what is to be expected of it."""

    worker: Worker
    failed_only: bool
    #: What it was told to run, how these ended, and how those ended that were carried over, with their runs.
    told: list[int]
    own: dict[int, Outcome] = field(default_factory=dict)
    carried: dict[int, tuple[int, Outcome]] = field(default_factory=dict)
    end: str = ''
    has_started: bool = False
    #: Whether its machine goes on, although it is canceled.
    goes_on: bool = False

    @property
    def results(self) -> dict[int, Outcome]:
        """The outcome of every test with a result."""
        return {**{test_id: outcome for test_id, (_, outcome) in self.carried.items()}, **self.own}

    @property
    def not_passed(self) -> list[int]:
        """The tests of a failed-only retry of it."""
        return [test_id for test_id in sorted({*self.told, *self.carried}) if self.results.get(test_id) != PASS]

    @property
    def expected(self) -> Said:
        """What is to be said of it once it has ended."""
        tests, passed = len({*self.told, *self.carried}), list(self.results.values()).count(PASS)
        failed = len(self.results) - passed
        not_run = tests - passed - failed
        status = 'canceled' if self.end == 'canceled' else 'error' if not_run else 'fail' if failed else 'pass'
        return Said(status, tests, passed, failed, not_run)


class History:
    """All attempts of a run, by run id, and what happens to them by chance."""

    def __init__(self, story: Story, seed: int) -> None:
        self.story = story
        self.random = Random(seed)
        self.tests = story.tests(TESTS - 2) + story.tests(2, 'Teletext')
        self.attempts: list[Attempt] = []
        #: In the order of their ends.
        self.ended: list[Attempt] = []

    def happen(self) -> None:
        """Have things happen until all attempts have ended."""
        self.attempts.append(Attempt(self.story.worker(self.story.push(self.tests)), False, self.tests))
        for _ in range(STEPS):
            open_ones = [attempt for attempt in self.attempts if not attempt.end or attempt.goes_on]
            if self.ended and len(open_ones) < AT_ONCE and self.random.random() < 0.5:
                self.retry(self.random.choice(self.ended))
            elif open_ones:
                self.go_on(self.random.choice(open_ones))
        for attempt in self.attempts:
            while not attempt.end:
                self.go_on(attempt)

    def retry(self, source: Attempt) -> None:
        """Retry an attempt that has ended."""
        failed_only = bool(source.not_passed) and self.random.random() < 0.7
        run_id = self.story.retry(source.worker.run_id, failed_only=failed_only)
        told = source.not_passed if failed_only else self.tests
        self.attempts.append(Attempt(self.story.worker(run_id), failed_only, told))

    def go_on(self, attempt: Attempt) -> None:
        """Start an attempt, run some of its tests, or end it. Canceling does not stop its machine."""
        if not attempt.has_started:
            if self.random.random() < 0.1:
                self.end(attempt, 'canceled')
                return
            attempt.worker.start()
            assert attempt.worker.tests == attempt.told
            attempt.has_started = attempt.goes_on = True
            return
        left = [test_id for test_id in attempt.told if test_id not in attempt.own]
        for test_id in left[:self.random.randint(0, TESTS)]:
            attempt.own[test_id] = self.random.choice(OUTCOMES)
            attempt.worker.run(test_id, attempt.own[test_id])
        if not attempt.end and self.random.random() < 0.2:
            self.end(attempt, 'canceled')
        elif attempt.own.keys() == set(attempt.told) or self.random.random() < 0.2:
            self.end(attempt, 'completed')

    def end(self, attempt: Attempt, status: str) -> None:
        """End an attempt. What is known by then is carried over into a failed-only retry that completes."""
        attempt.end = status
        self.ended = [other for other in self.ended if other is not attempt]
        if status == 'canceled':
            self.story.cancel(attempt.worker.run_id)
        else:
            attempt.worker.end()
            attempt.goes_on = False
            if attempt.failed_only:
                attempt.carried = {test_id: (other.worker.run_id, outcome) for other in self.ended
                                   for test_id, outcome in other.own.items() if test_id not in attempt.own}
        self.ended.append(attempt)


def test_platform_and_package_say_of_every_attempt_what_is_expected(
        process: Process, rows: Rows, telling: Platform) -> None:
    seen: set[object] = set()
    # Few that together make every mixture.
    for seed in range(2, 6):
        story = Story(process, rows, telling)
        history = History(story, seed)
        history.happen()
        for attempt, listed in zip(history.attempts, story.attempts(history.attempts[0].worker.run_id), strict=True):
            run_id = attempt.worker.run_id
            assert story.said(run_id).by_the_newest_rule == Said.of(listed) == attempt.expected, (seed, run_id)
            assert story.origins(run_id) == {
                **{test_id: origin for test_id, (origin, _) in attempt.carried.items()},
                **dict.fromkeys(attempt.own, run_id)}, (seed, run_id)
            assert (listed['run_id'], listed['carried_over']) == (run_id, len(attempt.carried)), seed
            origins = {origin for origin, _ in attempt.carried.values()}
            seen |= {(attempt.failed_only, attempt.end), attempt.expected.status,
                     *(outcome for _, outcome in attempt.carried.values())}
            # Selected tests that were not run, retries that ran nothing, several origins, and ends out of order.
            seen |= {name for name, is_so in {
                'selected': attempt.carried.keys() & set(attempt.told), 'empty': attempt.carried and not attempt.own,
                'several': len(origins) > 1, 'later run': max(origins, default=0) > run_id}.items() if is_so}
    assert seen >= {*OUTCOMES, 'pass', 'fail', 'canceled', 'error', 'selected', 'empty', 'several', 'later run',
                    *((failed_only, end) for failed_only in (True, False) for end in ('completed', 'canceled'))}
