"""
The platform is the judge of attempts: what it says of each of a history's is what the docs make of it.

Histories are made by chance, always the same ones: pairs of retries of any attempts that have ended, full and
failed-only, which run all their tests or some, end in any order, are canceled, and may complete after all. What is
expected is worked out here from the outcomes alone (docs/api.rst, "An attempt ends whole").
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

OUTCOMES = (*[PASS] * 6, CRASH, MISSING, differs('a lost line'))


@dataclass(eq=False)
class Attempt:
    """A run, and what is to be expected of it."""

    worker: Worker
    failed_only: bool
    #: What it was told to run, how these ended, and how those ended that were carried over, with their runs.
    told: list[int]
    own: dict[int, Outcome] = field(default_factory=dict)
    carried: dict[int, tuple[int, Outcome]] = field(default_factory=dict)
    end: str = ''

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


def end(attempt: Attempt, status: str, ended: list[Attempt]) -> None:
    """End an attempt. What is known by then is carried over into a failed-only retry that completes."""
    ended[:] = [other for other in ended if other is not attempt]
    attempt.end = status
    if status == 'canceled':
        attempt.worker.story.cancel(attempt.worker.run_id)
    else:
        attempt.worker.end()
        if attempt.failed_only:
            attempt.carried = {test_id: (other.worker.run_id, outcome) for other in ended
                               for test_id, outcome in other.own.items() if test_id not in attempt.own}
    ended.append(attempt)


def run(attempt: Attempt, random: Random) -> None:
    """Run some of the tests of an attempt, mostly all that are left."""
    left = [test_id for test_id in attempt.told if test_id not in attempt.own]
    for test_id in left[:random.choice([0, 1, 6, 6])]:
        attempt.own[test_id] = random.choice(OUTCOMES)
        attempt.worker.run(test_id, attempt.own[test_id])


def happen(story: Story, random: Random) -> list[Attempt]:
    """Have things happen to a run of six tests, and return all its attempts."""
    tests = story.tests(4) + story.tests(2, 'Teletext')
    attempts, ended = [Attempt(story.worker(story.push(tests)), False, tests)], list[Attempt]()
    begun = attempts[:]
    for _ in range(4):
        for attempt in begun:
            attempt.worker.start()
            assert attempt.worker.tests == attempt.told
            run(attempt, random)
        for attempt in random.sample(begun, len(begun)):
            end(attempt, random.choice(['canceled', 'completed', 'completed']), ended)
        for attempt in begun:
            # Canceling does not stop its machine.
            if attempt.end == 'canceled' and random.random() < 0.5:
                run(attempt, random)
                end(attempt, 'completed', ended)
        begun = []
        for source in random.choices(ended, k=2):
            failed_only = bool(source.not_passed) and random.random() < 0.7
            run_id = story.retry(source.worker.run_id, failed_only=failed_only)
            begun.append(Attempt(story.worker(run_id), failed_only, source.not_passed if failed_only else tests))
        attempts += begun
    for attempt in begun:
        end(attempt, 'canceled', ended)
    return attempts


def test_platform_and_package_say_of_every_attempt_what_is_expected(
        process: Process, rows: Rows, telling: Platform) -> None:
    seen: set[object] = set()
    # Few that together make every mixture.
    for seed in range(5):
        story = Story(process, rows, telling)
        attempts = happen(story, Random(seed))
        for attempt, listed in zip(attempts, story.attempts(attempts[0].worker.run_id), strict=True):
            run_id, carried, own = attempt.worker.run_id, attempt.carried, attempt.own
            assert story.said(run_id).by_the_newest_rule == Said.of(listed) == attempt.expected, (seed, run_id)
            assert story.origins(run_id) == {
                **{test_id: origin for test_id, (origin, _) in carried.items()}, **dict.fromkeys(own, run_id)}
            assert (listed['run_id'], listed['carried_over']) == (run_id, len(carried)), seed
            origins = {origin for origin, _ in carried.values()}
            seen |= {(attempt.failed_only, attempt.end), attempt.expected.status, *own.values(),
                     'a selected test is carried over' if carried.keys() & set(attempt.told) else '',
                     'nothing was run' if carried and not own else '', 'several origins' if len(origins) > 1 else '',
                     'a later run ended before' if max(origins, default=0) > run_id else ''}
    assert seen >= {*OUTCOMES, 'pass', 'fail', 'canceled', 'error', 'a selected test is carried over',
                    'nothing was run', 'several origins', 'a later run ended before',
                    *((failed_only, end) for failed_only in (True, False) for end in ('completed', 'canceled'))}
