"""When the author of a pull request is told how to retry its run (docs/github.rst, "The author is told")."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import clock
from .causes import find_cancellation
from .comments import COMMAND, FAILED_ONLY
from .progress import Progress
from .sentences import counted
from .verdict import TestVerdict

#: The page of a run says this in the place of the sentence. A red status of before the cancellation may lead there.
LEFT_TO_MAINTAINERS = 'A person canceled the newest attempt of this run. A maintainer can retry the run.'

#: For how long after the end of a run its page tells the author. Later the pull request is probably closed.
TOLD_FOR = timedelta(days=7)


class AuthorHint(NamedTuple):
    """The sentence that names the command to the author: the command, and what stands before and after it."""

    before: str
    command: str
    after: str

    @classmethod
    def of(cls, platform: str, retries_left: int, has_no_build: bool, may_start_by_itself: bool) -> 'AuthorHint':
        """
        Return the sentence for a platform, for this number of retries.

        ``has_no_build`` is whether its build ended the attempt that the command takes. ``may_start_by_itself`` is
        whether an automatic retry may come, on which the author need not spend one.
        """
        # No request to GitHub finds out whether there is a build by now.
        before = ('Once its build has succeeded, the author of this pull request' if has_no_build
                  else 'If this is not due to the pull request, its author')
        by_itself = ' A new run may start by itself.' if may_start_by_itself else ''
        # The command is not at the beginning of the line. There it would be a command in a copy of the sentence.
        return cls(f'{before} may write ', f'{COMMAND} {platform} {FAILED_ONLY}',
                   f' in a comment on it ({counted(retries_left, "time")}).{by_itself}')

    @property
    def markdown(self) -> str:
        """The sentence in Markdown."""
        return f'{self.before}`{self.command}`{self.after}'


def has_ended_recently(progress: Progress, now: datetime) -> bool:
    """Return whether a run ended so recently that its page tells the author."""
    return progress.end is not None and clock.age(progress.end.timestamp, now) <= TOLD_FOR


def find_canceled(progress: Mapping[int, Progress], source_id: int) -> int | None:
    """Return the attempt that a person canceled, so that no author retries it: the one to be retried or the newest."""
    return next((run_id for run_id in (source_id, max(progress))
                 if find_cancellation(progress[run_id].rows) is not None), None)


def find_unexplained(tests: Iterable[int], verdicts: Iterable[TestVerdict]) -> set[int]:
    """Return the tests that may have failed by chance: those that did not fail each time in the same way."""
    return {*tests} - {test.regression_test_id for test in verdicts if test.verdict == 'failing_identically'}
