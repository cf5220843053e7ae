"""
The status of a commit on GitHub (docs/how-it-works.rst, "A status belongs to a commit").

It belongs to a commit and a platform. A success of one run must not hide a failure of another run of the same commit.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from .attempts import Attempts, derive_status
from .causes import is_ended_by_decision
from .outcomes import FAILED, ExpectedToday, find_outcomes, outcome_of
from .progress import COMPLETED
from .run import Run


class CommitStatus(NamedTuple):
    """A status of a commit, as the platform posts it for a run."""

    commit: str
    platform: str
    state: Literal['pending', 'success']
    description: str
    #: The run to whose page the status links.
    run_id: int

    @classmethod
    def queued(cls, commit: str, platform: str, run_id: int) -> 'CommitStatus':
        """Return the status while a run waits for a machine."""
        return cls(commit, platform, 'pending', 'Tests queued', run_id)

    @classmethod
    def passed(cls, run: Run) -> 'CommitStatus':
        """Return the status after a run in which all tests passed."""
        return cls(run.commit, run.platform, 'success', 'All tests passed', run.id)

    @property
    def context(self) -> str:
        """The name under which the platform posts the statuses of a platform."""
        return f'CI - {self.platform}'


class Reposting(NamedTuple):
    """The decision whether the success of a run is posted again."""

    #: None if it is not posted.
    status: CommitStatus | None = None
    #: Why it is not posted, in a sentence; empty if there is no need to.
    why_not: str = ''
    #: The advice to the writer of a comment, in a sentence; empty if there is none.
    advice: str = ''


NOTHING_TO_POST = Reposting()
NOT_TAKEN = Reposting(why_not='GitHub did not take its status.', advice='Write this command again later.')
STILL_INCOMPLETE = Reposting(
    why_not='Its status is not posted again: results are still to be carried over into it.')


class FailedTest(NamedTuple):
    """A test that failed in another run of the same commit, and stands against a success of this run."""

    regression_test_id: int
    run_id: int

    @property
    def reason(self) -> str:
        """Why the success is not posted, as a part of a sentence."""
        return f'test {self.regression_test_id} failed in run {self.run_id} of the same commit'

    @property
    def reposting(self) -> Reposting:
        """The decision about a success that the test stands against."""
        return Reposting(why_not=f'Its status is not posted again: {self.reason}.',
                         advice='A maintainer may write "/retry".')


def find_passed(attempts: Attempts) -> int | None:
    """Return the attempt that ``/retry failed`` takes if all its tests passed; else None."""
    source_id = attempts.source_of_failed
    # The root run may have been deleted.
    return source_id if source_id in attempts.progress and _has_passed(attempts, source_id) else None


def _has_passed(attempts: Attempts, run_id: int) -> bool:
    """Return whether an attempt completed with every test passed, and no decision was made since."""
    # Later rows do not matter: a build was repeated and failed, or the platform wrote the time limit once more.
    progress, outcomes = attempts.progress[run_id], find_outcomes(attempts.tests[run_id])
    completed = progress.first_completed
    if completed is None or derive_status(COMPLETED, outcomes.values()) != 'pass':
        return False
    later = [row for row in progress.rows if row.id > completed.id]
    return not later or not is_ended_by_decision(later)


def has_failure(attempts: Attempts, origins: Mapping[int, int]) -> bool:
    """Return whether one of the tests did not pass in its origin run."""
    return any(outcome_of(attempts.tests[origin_id].results[test]) != 'pass' for test, origin_id in origins.items())


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
    return attempts.progress[run_id].has_completed or (cause is not None and cause.name == 'code')
