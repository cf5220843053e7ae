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
from checkout import Platform
from protocol import (CRASH, MISSING, PASS, Outcome, Process, Said, Story,
                      Worker, differs)
from rows import Row, Rows

pytestmark = pytest.mark.platform

#: Few that together make every mixture.
SEEDS = range(13, 18)
TESTS = 6
#: How many times something happens to a history.
STEPS = 16
#: How many attempts there may be that have not ended.
AT_ONCE = 3

OUTCOMES = (*[PASS] * 6, CRASH, MISSING, differs('a lost line'))


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
        """Carry over, if it is a failed-only retry, the newest result that another attempt has really run."""
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
        if random.random() < 0.1:
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
    ran_all = attempt.own.keys() == set(attempt.told)
    if ran_all or random.random() < 0.15:
        status = 'completed' if ran_all and random.random() < 0.9 else 'canceled'
        attempt.worker.end(status)
        end(history, attempt, status)


def end(history: History, attempt: Attempt, status: str) -> None:
    """Work out what has been carried over by an end that has been written."""
    attempt.end_whole(history.attempts)
    attempt.end = status


@dataclass(frozen=True)
class Judged:
    """An attempt that has ended, what platform and package say of it, and where its results really come from."""

    attempt: Attempt
    said: Said
    listed: Row
    origins: dict[int, int]


@pytest.fixture(scope='module')
def judged(process: Process, own_rows: Rows, telling: Platform) -> list[Judged]:
    """Return all attempts of all histories."""
    judged = []
    for seed in SEEDS:
        story = Story(process, own_rows, telling)
        attempts = happen(story, seed).attempts
        judged += [Judged(attempt, story.said(attempt.run_id), listed, story.origins(attempt.run_id))
                   for attempt, listed in zip(attempts, story.attempts(attempts[0].run_id), strict=True)]
    return judged


def test_the_histories_are_of_every_mixture(judged: list[Judged]) -> None:
    attempts = [one.attempt for one in judged]
    assert {(attempt.failed_only, attempt.end) for attempt in attempts} == {
        (failed_only, end) for failed_only in (True, False) for end in ('completed', 'canceled')}
    assert {attempt.expected.status for attempt in attempts} == {'pass', 'fail', 'canceled'}
    assert {outcome for attempt in attempts for _, outcome in attempt.carried.values()} == set(OUTCOMES)
    assert any(attempt.failed_only and not attempt.own and attempt.carried for attempt in attempts)
    # From several attempts at once, and from none.
    assert any(len({run_id for run_id, _ in attempt.carried.values()}) > 1 for attempt in attempts)
    assert any(attempt.failed_only and not attempt.carried for attempt in attempts)


def test_the_platform_says_of_every_attempt_what_is_expected(judged: list[Judged]) -> None:
    assert [one.said for one in judged] == [one.attempt.expected for one in judged]


def test_every_result_comes_from_the_newest_attempt_that_ran_it(judged: list[Judged]) -> None:
    assert [one.origins for one in judged] == [
        {**{test_id: origin for test_id, (origin, _) in one.attempt.carried.items()},
         **dict.fromkeys(one.attempt.own, one.attempt.run_id)} for one in judged]


def test_the_list_of_attempts_says_what_the_platform_says(judged: list[Judged]) -> None:
    assert [one.listed['run_id'] for one in judged] == [one.attempt.run_id for one in judged]
    assert [Said(**{name: one.listed[name] for name in Said._fields}) for one in judged] == [
        one.said for one in judged]


def test_the_list_of_attempts_counts_what_was_carried_over(judged: list[Judged]) -> None:
    assert [one.listed['carried_over'] for one in judged] == [len(one.attempt.carried) for one in judged]
