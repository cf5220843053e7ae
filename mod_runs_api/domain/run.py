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
#: How much of a commit's hash is shown.
SHOWN_LENGTH = 8


@dataclass(frozen=True)
class Run:
    """A run, with its configuration and its place among its attempts."""

    id: int
    platform: str
    #: ``commit`` or ``pr``.
    test_type: str
    #: The platform's id of the repository that the commit is in.
    fork_id: int | None
    #: The runs that the platform itself makes for pull requests all have the branch pull_request.
    branch: str
    commit: str
    #: 0 if there is no pull request.
    pr_nr: int
    #: The last stage: preparation, testing, completed or canceled. None while the run is queued. Where the progress of
    #: the attempts is read, that of the run counts.
    stage: str | None
    #: The root run of its attempts. It may have been deleted.
    root_id: int
    #: The run whose selected tests are the full test set: the root run, or the run itself if that was deleted.
    full_set_id: int
    #: Whether it is a failed-only retry.
    failed_only: bool

    @property
    def is_of_pull_request(self) -> bool:
        """Whether it is a run of a pull request that the platform itself made, or a retry of one."""
        return self.test_type == PULL_REQUEST and self.branch == PULL_REQUEST_BRANCH

    @property
    def is_of_master(self) -> bool:
        """Whether it is a run of a commit of master."""
        return self.test_type == COMMIT and self.branch == MASTER


class NewerRun(NamedTuple):
    """A later run of the same commit, platform, pull request, repository and branch."""

    run_id: int
    #: Whether an attempt of the earlier run is newer than it, this run or another one.
    has_newer_attempt: bool
