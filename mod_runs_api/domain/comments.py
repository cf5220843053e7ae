"""Comments on pull requests that ask for retries (docs/github.rst, "Comments")."""

from dataclasses import dataclass


class IgnoredComment(Exception):
    """Nothing is done with the comment. The message says why; it is for the writer too, if ``asked`` is true."""

    def __init__(self, reason: str, asked: bool = False) -> None:
        super().__init__(reason)
        self.asked = asked


@dataclass(frozen=True)
class Comment:
    """A new comment of a user account on an open pull request of the host's repository."""

    id: int
    body: str
    #: The account of its writer, by name and by number.
    login: str
    account_id: int
    pr_nr: int
    #: The account of the pull request's author, if it still exists.
    author_id: int | None


@dataclass(frozen=True)
class Command:
    """A retry that a line asks for on one platform, of all tests or of the failed ones."""

    platform: str
    failed_only: bool
    reason: str | None
