"""The payload of GitHub's ``issue_comment`` event (docs/github.rst)."""

from typing import Any

from ..domain.comments import Comment, IgnoredComment
from ..host.github import github_access


def read_payload(payload: Any) -> Comment:
    """Return the comment in the payload of an ``issue_comment``, as far as it may ask for something."""
    try:
        return _read_payload(payload)
    except (KeyError, TypeError, AttributeError):
        raise IgnoredComment('The payload is not as GitHub documents it.') from None


def _read_payload(payload: Any) -> Comment:
    issue, written, writer = payload['issue'], payload['comment'], payload['comment']['user']
    full_name = github_access().full_name
    if payload['action'] != 'created':
        raise IgnoredComment('The comment is not new.')
    if payload['repository']['full_name'].lower() != full_name.lower():
        raise IgnoredComment(f'The comment is not on a pull request of {full_name}.')
    if issue.get('pull_request') is None:
        raise IgnoredComment('The comment is on an issue, not on a pull request.')
    if issue['state'] != 'open':
        raise IgnoredComment('The pull request is not open.')
    if writer.get('type') == 'Bot' or written.get('performed_via_github_app'):
        raise IgnoredComment('The comment is by a bot.')
    return Comment(id=written['id'], body=written['body'], login=writer['login'], account_id=writer['id'],
                   pr_nr=issue['number'],
                   # GitHub has null for the author when the account is deleted.
                   author_id=issue['user'] and issue['user']['id'])
