"""The payload of GitHub's ``issue_comment`` event (docs/github.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from ..host.github import github_access
from ..host.models import MAX_ID

T = TypeVar('T')

#: In characters. GitHub allows 65,536, but hostile ones of that length take the parser seconds.
MAX_COMMENT_LENGTH = 16384
#: The largest integer that every database compares with.
MAX_GITHUB_ID = 2 ** 63 - 1


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
    #: The account that the pull request is by, if it still exists.
    author_id: int | None


def read_payload(payload: Any) -> Comment:
    """Return the comment in the payload of an ``issue_comment``, as far as it may ask for something."""
    if _field(payload, 'action', str) != 'created':
        raise IgnoredComment('The comment is not new.')
    full_name = github_access().full_name
    if not full_name:
        raise IgnoredComment('The application does not name its repository on GitHub.')
    if _field(payload, 'repository.full_name', str).lower() != full_name.lower():
        raise IgnoredComment(f'The comment is not on a pull request of {full_name}.')
    issue = _field(payload, 'issue', dict)
    if issue.get('pull_request') is None:
        raise IgnoredComment('The comment is on an issue, not on a pull request.')
    if _field(payload, 'issue.state', str) != 'open':
        raise IgnoredComment('The pull request is not open.')
    written = _field(payload, 'comment', dict)
    if _field(payload, 'comment.user', dict).get('type') == 'Bot' or written.get('performed_via_github_app'):
        raise IgnoredComment('The comment is by a bot.')
    comment = Comment(id=_field(payload, 'comment.id', int),
                      body=_field(payload, 'comment.body', str),
                      login=_field(payload, 'comment.user.login', str),
                      account_id=_field(payload, 'comment.user.id', int),
                      pr_nr=_field(payload, 'issue.number', int),
                      # GitHub has null for the author when the account is deleted.
                      author_id=None if issue.get('user') is None else _field(payload, 'issue.user.id', int))
    ids = [comment.id, comment.account_id]
    if comment.author_id is not None:
        ids.append(comment.author_id)
    if not all(0 < id <= MAX_GITHUB_ID for id in ids) or not 0 < comment.pr_nr <= MAX_ID:
        raise IgnoredComment('The payload names no comment, no account of GitHub, or no pull request.')
    if not re.fullmatch('[A-Za-z0-9_-]+', comment.login):
        raise IgnoredComment('The payload names no account of GitHub.')
    if len(comment.body) > MAX_COMMENT_LENGTH:
        raise IgnoredComment('The comment is too long to be searched for commands.')
    return comment


def _field(payload: Any, path: str, kind: type[T]) -> T:
    value = payload
    for name in path.split('.'):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise IgnoredComment(f'The payload has no {path} as GitHub documents it.')
    return value
