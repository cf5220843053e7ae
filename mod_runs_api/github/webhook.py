"""Retries that are asked for in a comment on a pull request (docs/github.rst)."""

from contextlib import suppress
from typing import Any

from ..domain.comments import Command, Comment, IgnoredComment
from ..domain.run import PullRequest
from ..domain.users import User
from ..errors import RunNotFound, Unprocessable
from ..extension import ExtensionState, extension_state
from ..host.github import find_pull_request
from ..host.runtime import external_run_page
from ..service.comments import read_request
from ..service.retry import create_retry
from ..service.users import find_writer
from ..service.verdict import read_verdict
from .commands import InvalidCommand, read_commands
from .payload import read_payload
from .reply import CommentOutcome, CommentRefusal, CommentRetry


def retry_from_comment(payload: Any) -> CommentOutcome:
    """
    Make the retries that a comment asks for: for the ``issue_comment`` branch of the platform's webhook.

    See docs/github.rst, "Comments". The signature must have been checked. Needs an application context.

    Parameters
    ----------
    payload : dict
        The event as GitHub has sent it. One that lacks a field is ignored with a reason.

    Returns
    -------
    CommentOutcome

    Raises
    ------
    ServiceUnavailable, InternalError, MountError
        As of :func:`mod_runs_api.retry_run`. Retries that were created until then stay; when the comment is delivered
        again, the others are.
    """
    state = extension_state()
    try:
        comment = read_payload(payload)
        commands = read_commands(comment.body)
        if not commands:
            raise IgnoredComment('The comment has no command.')
        user = state.transactions.run(find_writer, comment, state.settings.retry_roles)
    except IgnoredComment as ignored:
        return CommentOutcome(ignored=str(ignored), asked=ignored.asked)

    # Equal lines count once: the first gives the reason.
    wanted: dict[tuple[str, bool], Command] = {}
    for command in commands:
        if isinstance(command, Command):
            wanted.setdefault((command.platform, command.failed_only), command)
    outcomes: list[CommentRetry | CommentRefusal] = [
        CommentRefusal(None, None, command.message) for command in commands if isinstance(command, InvalidCommand)]
    if wanted:
        pull_request = find_pull_request(comment.pr_nr)
        outcomes += [_retry(state, comment, user, pull_request, command) for command in wanted.values()]
    return CommentOutcome(
        retries=tuple(outcome for outcome in outcomes if isinstance(outcome, CommentRetry)),
        refusals=tuple(dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, CommentRefusal))))


def _retry(state: ExtensionState, comment: Comment, user: User, pull_request: PullRequest,
           command: Command) -> CommentRetry | CommentRefusal:
    platform, request = command.platform, None
    try:
        request = state.transactions.run(read_request, comment, user, pull_request, command)
        if request is None:
            return CommentRefusal(platform, None, f'This pull request has no run on {platform}.')
        retry = create_retry(state, request)
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(platform, request.run_id if request else error.details['run_id'], error.message)
    known = None
    if command.failed_only:
        with suppress(RunNotFound):  # It has just been deleted.
            known = state.transactions.run(read_verdict, retry.new_run_id).sentence
    return CommentRetry(platform, retry.run_id, retry.new_run_id, command.failed_only, retry.test_count, retry.replayed,
                        external_run_page(retry.new_run_id), known)
