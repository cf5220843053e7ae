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
from protocol import (CRASH, MISSING, PASS, Outcome, Process, Said, Story,
                      Worker, differs)
from rows import Row, Rows

pytestmark = pytest.mark.platform

#: Few that together make every mixture.
SEEDS = range(2, 6)
TESTS = 6
#: How many times something happens to a history.
STEPS = 24
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
    #: Its place among the ends.
    ended: int = 0
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
        """What the platform is to say of it once it has ended."""
        passed = list(self.results.values()).count(PASS)
        failed = len(self.results) - passed
        tests = len({*self.told, *self.carried})
        not_run = tests - passed - failed
        status = ('canceled' if self.end == 'canceled' else 'error' if not_run
                  else 'fail' if failed else 'pass')
        return Said(status, tests, passed, failed, not_run)


@dataclass
class History:
    """All attempts of a run, by run id, and what happens to them by chance."""

    story: Story
    random: Random
    tests: list[int]
    attempts: list[Attempt] = field(default_factory=list)
    ends: int = 0

    def happen(self) -> list[Attempt]:
        """Have things happen until all attempts have ended, and return them."""
        self.attempts.append(Attempt(self.story.push(self.tests), False, self.tests))
        for _ in range(STEPS):
            open_ones = [attempt for attempt in self.attempts if not attempt.end or attempt.goes_on]
            if self.ended and len(open_ones) < AT_ONCE and self.random.random() < 0.5:
                self.retry()
            elif open_ones:
                self.go_on(self.random.choice(open_ones))
        for attempt in self.attempts:
            while not attempt.end:
                self.go_on(attempt)
        return self.attempts

    @property
    def ended(self) -> list[Attempt]:
        """Those that have ended, in the order of their ends."""
        return sorted((attempt for attempt in self.attempts if attempt.end), key=lambda attempt: attempt.ended)

    def retry(self) -> None:
        """Retry one of the attempts that have ended."""
        source = self.random.choice(self.ended)
        failed_only = bool(source.not_passed) and self.random.random() < 0.7
        told = source.not_passed if failed_only else self.tests
        self.attempts.append(Attempt(self.story.retry(source.run_id, failed_only=failed_only), failed_only, told))

    def go_on(self, attempt: Attempt) -> None:
        """Start an attempt, run some of its tests, or end it."""
        if attempt.worker is None:
            if self.random.random() < 0.1:
                self.cancel(attempt)
                return
            attempt.worker = self.story.worker(attempt.run_id)
            attempt.worker.start()
            assert attempt.worker.tests == attempt.told
            attempt.goes_on = True
            return
        left = [test_id for test_id in attempt.told if test_id not in attempt.own]
        for test_id in left[:self.random.randint(0, TESTS)]:
            attempt.own[test_id] = self.random.choice(OUTCOMES)
            attempt.worker.run(test_id, attempt.own[test_id])
        if not attempt.end and self.random.random() < 0.2:
            self.cancel(attempt)
        elif attempt.own.keys() == set(attempt.told) or self.random.random() < 0.2:
            self.complete(attempt)

    def cancel(self, attempt: Attempt) -> None:
        """Cancel an attempt, which does not stop its machine. Nothing is carried over."""
        self.story.cancel(attempt.run_id)
        self.end(attempt, 'canceled')

    def complete(self, attempt: Attempt) -> None:
        """Complete an attempt, and carry over what is known by then from the attempts that really ran it."""
        assert attempt.worker
        attempt.worker.end()
        attempt.goes_on = False
        self.end(attempt, 'completed')
        if attempt.failed_only:
            attempt.carried = {test_id: (other.run_id, outcome) for other in self.ended if other is not attempt
                               for test_id, outcome in other.own.items() if test_id not in attempt.own}

    def end(self, attempt: Attempt, status: str) -> None:
        """Note an end."""
        self.ends += 1
        attempt.end, attempt.ended = status, self.ends


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
        attempts = History(story, Random(seed), story.tests(TESTS - 2) + story.tests(2, 'Teletext')).happen()
        judged += [Judged(attempt, story.said(attempt.run_id).by_the_newest_rule, listed, story.origins(attempt.run_id))
                   for attempt, listed in zip(attempts, story.attempts(attempts[0].run_id), strict=True)]
    return judged


def test_the_histories_are_of_every_mixture(judged: list[Judged]) -> None:
    attempts = [one.attempt for one in judged]
    assert {(attempt.failed_only, attempt.end) for attempt in attempts} == {
        (failed_only, end) for failed_only in (True, False) for end in ('completed', 'canceled')}
    assert {attempt.expected.status for attempt in attempts} == {'pass', 'fail', 'canceled', 'error'}
    assert {outcome for attempt in attempts for _, outcome in attempt.carried.values()} == set(OUTCOMES)
    partial = [attempt for attempt in attempts if attempt.failed_only and attempt.end == 'completed']
    # A selected test keeps its last result; and some retries ran nothing at all.
    assert any(attempt.carried.keys() & set(attempt.told) for attempt in partial)
    assert any(not attempt.own and attempt.carried for attempt in partial)
    assert any(len({run_id for run_id, _ in attempt.carried.values()}) > 1 for attempt in partial)
    # Ends in another order than that of the runs.
    assert any(run_id > attempt.run_id for attempt in partial for run_id, _ in attempt.carried.values())


def test_the_platform_says_of_every_attempt_what_is_expected(judged: list[Judged]) -> None:
    assert [one.said for one in judged] == [one.attempt.expected for one in judged]


def test_every_result_comes_from_the_attempt_that_ended_last_of_those_that_ran_it(judged: list[Judged]) -> None:
    assert [one.origins for one in judged] == [
        {**{test_id: origin for test_id, (origin, _) in one.attempt.carried.items()},
         **dict.fromkeys(one.attempt.own, one.attempt.run_id)} for one in judged]


def test_the_list_of_attempts_says_what_the_platform_says(judged: list[Judged]) -> None:
    assert [one.listed['run_id'] for one in judged] == [one.attempt.run_id for one in judged]
    assert [Said.of(one.listed) for one in judged] == [one.said for one in judged]


def test_the_list_of_attempts_counts_what_was_carried_over(judged: list[Judged]) -> None:
    assert [one.listed['carried_over'] for one in judged] == [len(one.attempt.carried) for one in judged]
