"""The webhook's event "issue comment", which may request retries (docs/github.rst, "Comments")."""

from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from ..domain.comments import (Comment, CommentOutcome, IgnoredComment,
                               parse_commands)
from ..domain.reply import reply_to_ignored
from ..domain.users import MAX_LOGIN_LENGTH
from ..extension import extension_state
from ..service.comments import retry_for_comment
from ..service.validation import StrictString

#: GitHub's words for an account that belongs to the repository, in ``author_association``.
INSIDERS = ('OWNER', 'MEMBER', 'COLLABORATOR')


class _Part(Schema):
    """A part of the event. GitHub sends many more fields than are read."""

    class Meta:
        """Ignore the other fields."""

        unknown = EXCLUDE


def _object(parts: dict[str, fields.Field[Any]], allow_none: bool = False) -> fields.Nested:
    return fields.Nested(_Part.from_dict(parts), required=True, allow_none=allow_none)


Text = partial(StrictString, required=True)
#: No login on GitHub has other characters, or more.
Login = partial(Text, validate=validate.Regexp(rf'[!-~]{{1,{MAX_LOGIN_LENGTH}}}\Z'))
#: Every database can compare a number of this size with a column.
Number = partial(fields.Integer, strict=True, required=True, validate=validate.Range(1, 2 ** 63 - 1))
#: It matters only whether there is one.
OptionalObject = partial(fields.Dict, allow_none=True, load_default=None)

#: The payload of GitHub's event ``issue_comment``. A pull request is an issue too.
EventSchema = _Part.from_dict({
    'action': Text(),
    'repository': _object({'full_name': Text()}),
    # A deleted account is null.
    'issue': _object({'number': Number(), 'state': Text(), 'pull_request': OptionalObject(),
                      'user': _object({'id': Number()}, allow_none=True)}),
    'comment': _object({'id': Number(), 'body': Text(), 'performed_via_github_app': OptionalObject(),
                        # Any type: it decides only about a reply.
                        'author_association': fields.Raw(load_default=None),
                        'user': _object({'id': Number(), 'login': Login(), 'type': Text()})})})


def read_comment(payload: Any, full_name: str) -> Comment:
    """Return the comment in the payload of an ``issue_comment`` of a repository. Raises :exc:`IgnoredComment`."""
    try:
        event = EventSchema().load(payload)
    except ValidationError:
        raise IgnoredComment('The payload is not as GitHub documents it.') from None
    issue, comment, writer = event['issue'], event['comment'], event['comment']['user']
    if event['action'] != 'created':
        raise IgnoredComment('The comment is not new.')
    if event['repository']['full_name'].lower() != full_name.lower():
        raise IgnoredComment(f'The comment is not on a pull request of {full_name}.')
    if issue['pull_request'] is None:
        raise IgnoredComment('The comment is on an issue, not on a pull request.')
    if issue['state'] != 'open':
        raise IgnoredComment('The pull request is not open.')
    if writer['type'] == 'Bot' or comment['performed_via_github_app'] is not None:
        raise IgnoredComment('The comment is by a bot.')
    return Comment(id=comment['id'], body=comment['body'], login=writer['login'], account_id=writer['id'],
                   pr_nr=issue['number'], author_id=None if issue['user'] is None else issue['user']['id'],
                   is_by_insider=comment['author_association'] in INSIDERS)


def retry_from_comment(payload: Any) -> CommentOutcome:
    """
    Create the retries that a comment requests, in the ``issue_comment`` branch of the platform's webhook.

    See docs/github.rst, "Comments". The signature must have been checked. Needs an application context.

    Parameters
    ----------
    payload : dict
        The event as GitHub sent it. It is ignored with a reason if a field is missing or has another type.

    Returns
    -------
    CommentOutcome

    Raises
    ------
    ServiceUnavailable, InternalError, MountError
        See :func:`mod_runs_api.retry_run`. Retries that were created before the error stay. A second delivery of the
        comment creates the others.
    """
    state = extension_state()
    try:
        comment = read_comment(payload, state.github.full_name)
        parsed = parse_commands(comment.body)
        if not parsed.commands and not parsed.complaints:
            raise IgnoredComment('The comment has no command.')
        return retry_for_comment(state, comment, parsed)
    except IgnoredComment as ignored:
        reason = str(ignored)
        return CommentOutcome(ignored=reason, reply=reply_to_ignored(reason) if ignored.gets_reply else '')
