"""
The status of a commit on GitHub (docs/operations.rst, "A status belongs to a commit").

A success of one run must not hide a failure of another run of the same commit.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from .attempts import Attempts, derive_status
from .causes import is_decided
from .outcomes import FAILED, ExpectedToday, RunTests, find_outcomes
from .progress import COMPLETED, Progress

#: The result of posting a success: whether GitHub took it.
Posting = Literal['posted', 'not taken']


class FailedTest(NamedTuple):
    """A test that failed in another run of the same commit, and stands against a success of this run."""

    regression_test_id: int
    run_id: int

    @property
    def sentence(self) -> str:
        """Say what stands against the success, without a capital and a full stop."""
        return f'test {self.regression_test_id} failed in run {self.run_id} of the same commit'


def has_passed(progress: Progress, tests: RunTests) -> bool:
    """Return whether a run completed with every test passed, and no decision was made since."""
    # Later rows do not matter: a build was repeated and failed, or the platform wrote the time limit once more.
    completed = progress.completed
    if completed is None or derive_status(COMPLETED, find_outcomes(tests).values()) != 'pass':
        return False
    later = Progress(progress.run_id, [row for row in progress.rows if row.id > completed.id])
    return not later.rows or not is_decided(later)


def find_passed(attempts: Attempts) -> int | None:
    """Return the attempt that ``/retry failed`` takes if it has passed; else None."""
    source_id = attempts.source_of_failed
    # The root run may have been deleted.
    if source_id in attempts.progress and has_passed(attempts.progress[source_id], attempts.tests[source_id]):
        return source_id
    return None


def find_standing_against(others: Iterable[Attempts], expected_today: Mapping[int, ExpectedToday],
                          run_again: Collection[int]) -> FailedTest | None:
    """
    Return a test that stands against a success of a run; None if none does.

    ``others`` are the other root runs of its commit and platform, each with its attempts. ``expected_today`` has what
    is expected today of the tests of the decisive attempt of each. ``run_again`` has the tests that a retry of the run
    would run: their own results will be the newer ones.
    """
    for attempts in others:
        run_id = attempts.decisive_run_id
        if _came_to_its_end(attempts, run_id):
            outcomes = find_outcomes(attempts.tests[run_id])
            outcomes_today = expected_today[run_id].find_outcomes(attempts.tests[run_id])
            for test in sorted(attempts.catalogue.active & outcomes.keys()):
                if test not in run_again and outcomes[test] in FAILED and outcomes_today[test] in FAILED:
                    return FailedTest(test, run_id)
    return None


def _came_to_its_end(attempts: Attempts, run_id: int) -> bool:
    """Return whether an attempt has completed, or its code hangs. Any other end says nothing about its tests."""
    # Otherwise two runs that one outage ended would wait for each other.
    cause = attempts.find_cause(run_id)
    return attempts.progress[run_id].completed is not None or (cause is not None and cause.name == 'code')
