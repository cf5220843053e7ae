"""When the author of a pull request is told how to retry its run (docs/github.rst, "The author is told")."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import clock
from .attempts import find_unfinished
from .causes import RunSummary, find_cause
from .comments import COMMAND, FAILED_ONLY
from .progress import Progress
from .sentences import counted
from .verdict import TestVerdict

#: For how long after the end of a run its page tells the author. Later the pull request is probably closed.
TOLD_FOR = timedelta(days=7)


class AuthorHint(NamedTuple):
    """The sentence that names the command to the author: the command, and what stands before and after it."""

    before: str
    command: str
    after: str

    @classmethod
    def of(cls, platform: str, retries_left: int) -> 'AuthorHint':
        """Return the sentence for a platform, and for this number of retries."""
        # The command is not at the beginning of the line. There it would be a command in a copy of the sentence.
        return cls('If these failures have another cause than this pull request, its author may write ',
                   f'{COMMAND} {platform} {FAILED_ONLY}', f' ({counted(retries_left, "time")}).')

    @property
    def markdown(self) -> str:
        """The sentence in Markdown."""
        return f'{self.before}`{self.command}`{self.after}'


def have_all_ended(run_id: int, attempts: Mapping[int, Progress], now: datetime, max_silence: timedelta,
                   max_age: timedelta | None = None) -> bool:
    """Return whether all attempts of a run have ended, and the run itself within the last ``max_age``."""
    end = attempts[run_id].end
    if end is None or max_age is not None and clock.age(end.timestamp, now) > max_age:
        return False
    return find_unfinished(attempts.values(), now, max_silence) is None


def find_unexplained(source: RunSummary, tests: Iterable[int], verdicts: Iterable[TestVerdict]) -> set[int]:
    """Return the tests that may have failed by chance, of those that a retry of an attempt would run."""
    cause = find_cause(source)
    # A build that failed is not there to be run again, and a decision stands.
    if cause is not None and cause.name in ('build', 'decision'):
        return set()
    return {*tests} - {test.regression_test_id for test in verdicts if test.verdict == 'failing_identically'}
