"""A pull request."""

from typing import NamedTuple


class PullRequest(NamedTuple):
    """A pull request, as GitHub has it now."""

    head_commit: str
    is_open: bool
    #: The account of its author; None if it was deleted.
    author_id: int | None
