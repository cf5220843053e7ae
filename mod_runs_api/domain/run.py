"""A run of the platform."""

from dataclasses import dataclass
from typing import NamedTuple

#: The values of ``Test.platform``.
PLATFORMS = ('linux', 'windows')
#: The values of ``Test.test_type``.
COMMIT, PULL_REQUEST = 'commit', 'pr'
#: The branch that every pull request is compared with.
MASTER = 'master'
#: The branch that the platform gives the runs of all pull requests.
PULL_REQUEST_BRANCH = 'pull_request'
#: The largest id that the platform's columns hold.
MAX_ID = 2 ** 31 - 1


@dataclass(frozen=True)
class Run:
    """A run."""

    id: int
    platform: str
    test_type: str
    #: The repository that the commit is in.
    fork_id: int | None
    branch: str
    commit: str
    #: The number of the pull request; 0 if there is none.
    pr_nr: int
    #: Its last stage; None while it is queued.
    status: str | None
    #: The first of its attempts, which may have been deleted.
    root_id: int
    #: The run whose selected tests are the full test set: the first of its attempts, or itself if that was deleted.
    full_set_id: int
    #: Whether it is a retry of only the tests that did not pass.
    failed_only: bool

    @property
    def is_of_master(self) -> bool:
        """Whether it is a run of a commit of master."""
        return self.test_type == COMMIT and self.branch == MASTER


class NewerRun(NamedTuple):
    """A later run of the same commit, platform, pull request and repository."""

    run_id: int
    #: The first of its attempts, if it is a retry.
    root_id: int | None


class PullRequest(NamedTuple):
    """A pull request on GitHub."""

    #: The end of the repository's address, as in ``Fork.github``.
    repository: str
    number: int
    #: The commit at its head; None if GitHub did not say.
    head_commit: str | None


class RegressionTest(NamedTuple):
    """A regression test, and whether it is active now."""

    id: int
    active: bool
