"""
The platform is the judge of attempts: what it says of each of a history's is what the contract makes of it.

Histories are made by chance, always the same ones: retries of any attempt that has ended, full ones and failed-only
ones, which overlap, complete, are canceled half-way or before they start. What is expected is worked out here from
the outcomes alone, without the package and without the platform (contract section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from protocol import CRASH, MISSING, PASS, Outcome, Said, Story, Worker, differs

pytestmark = pytest.mark.platform

SEEDS = range(1, 7)
TESTS = 6
#: How many times something happens to a history.
STEPS = 16
#: How many attempts there may be that have not ended.
AT_ONCE = 3

OUTCOMES = (PASS, PASS, PASS, CRASH, MISSING, differs('a lost line'))


@dataclass
class Attempt:
    """A run, and what is to be expected of it."""

    run_id: int
    failed_only: bool
    #: What it was told to run, how these ended, and how those ended that were carried over, with their runs.
    told: list[int]
    own: dict[int, Outcome] = field(default_factory=dict)
    carried: dict[int, tuple[int, Outcome]] = field(default_factory=dict)
    worker: Worker | None = None
    end: str = ''

    def end_whole(self, attempts: list[Attempt]) -> None:
        """Carry over, where it is a failed-only retry, the newest result that another attempt has really run."""
        if self.failed_only:
            ended = [other for other in attempts if other.end and other is not self]
            self.carried = {test_id: (other.run_id, outcome)
                            for other in sorted(ended, key=lambda other: other.run_id)
                            for test_id, outcome in other.own.items() if test_id not in self.told}

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
        """What the platform is to say of it once it has ended."""
        passed = list(self.results.values()).count(PASS)
        failed = len(self.results) - passed
        tests = len({*self.told, *self.carried})
        status = ('canceled' if self.end == 'canceled' else 'error' if not self.results
                  else 'fail' if failed else 'pass')
        return Said(status, tests, passed, failed, tests - passed - failed)


@dataclass
class History:
    """All attempts, by run id."""

    attempts: list[Attempt]

    @property
    def ended(self) -> list[Attempt]:
        """Those that have ended."""
        return [attempt for attempt in self.attempts if attempt.end]


def happen(story: Story, seed: int) -> History:
    """Have things happen to a run and its retries by chance, until all have ended."""
    random = Random(seed)
    tests = story.tests(TESTS - 2) + story.tests(2, 'Teletext')
    history = History([Attempt(story.push(tests), False, tests)])
    for _ in range(STEPS):
        open_ones = [attempt for attempt in history.attempts if not attempt.end]
        if history.ended and len(open_ones) < AT_ONCE and random.random() < 0.5:
            retry(story, random, history, tests)
        elif open_ones:
            go_on(story, random, history, random.choice(open_ones))
    for attempt in history.attempts:
        while not attempt.end:
            go_on(story, random, history, attempt)
    return history


def retry(story: Story, random: Random, history: History, tests: list[int]) -> None:
    """Retry one of the attempts that have ended."""
    source = random.choice(history.ended)
    failed_only = bool(source.not_passed) and random.random() < 0.7
    told = source.not_passed if failed_only else tests
    history.attempts.append(Attempt(story.retry(source.run_id, failed_only=failed_only), failed_only, told))


def go_on(story: Story, random: Random, history: History, attempt: Attempt) -> None:
    """Start an attempt, run some of its tests, or end it."""
    if attempt.worker is None:
        if random.random() < 0.15:
            story.cancel(attempt.run_id)
            end(history, attempt, 'canceled')
            return
        attempt.worker = story.worker(attempt.run_id)
        attempt.worker.start()
        assert attempt.worker.tests == attempt.told
        return
    left = [test_id for test_id in attempt.told if test_id not in attempt.own]
    for test_id in left[:random.randint(1, TESTS)]:
        attempt.own[test_id] = random.choice(OUTCOMES)
        attempt.worker.run(test_id, attempt.own[test_id])
    status = random.choice(['canceled'] + ['completed'] * 3) if attempt.own.keys() == set(attempt.told) else 'canceled'
    if random.random() < 0.5:
        attempt.worker.end(status)
        end(history, attempt, status)


def end(history: History, attempt: Attempt, status: str) -> None:
    """Work out what has been carried over by an end that has been written."""
    attempt.end_whole(history.attempts)
    attempt.end = status


@pytest.mark.parametrize('seed', SEEDS)
def test_the_platform_says_of_every_attempt_what_is_expected(story: Story, seed: int) -> None:
    history = happen(story, seed)

    assert {attempt.run_id: story.said(attempt.run_id) for attempt in history.attempts} == {
        attempt.run_id: attempt.expected for attempt in history.attempts}


@pytest.mark.parametrize('seed', SEEDS)
def test_every_result_comes_from_the_newest_attempt_that_ran_it(story: Story, seed: int) -> None:
    history = happen(story, seed)

    assert any(attempt.carried for attempt in history.attempts)
    assert {attempt.run_id: story.origins(attempt.run_id) for attempt in history.attempts} == {
        attempt.run_id: {**{test_id: origin for test_id, (origin, _) in attempt.carried.items()},
                         **dict.fromkeys(attempt.own, attempt.run_id)}
        for attempt in history.attempts}
