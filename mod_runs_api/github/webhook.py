"""Retries that are asked for in a comment on a pull request (docs/github.rst)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..database import Database
from ..database.retries import find_retry
from ..database.runs import (PullRequest, find_newest_run, read_attempts,
                             read_progress)
from ..database.users import find_github_users, is_blocked
from ..errors import MountError, RunNotFound, RunsApiError, Unprocessable
from ..extension import ExtensionState, extension_state
from ..host.github import github_access
from ..host.models import HostModels, User, full_name
from ..host.runtime import external_run_page, log
from ..retry import digest_key
from ..service import attempts_verdict, submit_retry
from ..summary import to_sentence
from ..validation import RetryFields
from .checks import build_artifact_exists
from .commands import Command, InvalidCommand, read_commands
from .payload import Comment, IgnoredComment, read_payload
from .reply import CommentOutcome, CommentRefusal, CommentRetry

#: More lines with commands than anybody means.
MAX_COMMANDS = 20


@dataclass(frozen=True)
class _Target:
    """A retry that a comment asks for."""

    platform: str
    failed_only: bool


def retry_from_comment(payload: Any, delivery_id: str | None = None) -> CommentOutcome:
    """
    Do what a comment on a pull request asks for: for the ``issue_comment`` branch of the platform's webhook.

    A line ``/retry [linux] [windows] [failed] [because REASON]`` of a new comment retries the run of the pull request
    on each platform that it names, or on every one (docs/github.rst says which run that is, and who may). Equal
    lines count once, by platform and by ``failed``. A comment counts once too, however often and by whichever webhook
    it is delivered.

    The signature must have been checked. Needs an application context, and the extra ``github``.

    Parameters
    ----------
    payload : dict
        What GitHub has sent. What is not as GitHub documents it is ignored with a reason.
    delivery_id : str, optional
        The header ``X-GitHub-Delivery``. It is not looked at: GitHub does not sign it.

    Returns
    -------
    CommentOutcome

    Raises
    ------
    ServiceUnavailable
        The database is away or read-only, or still failing after all tries. What was created until then stays; when
        the comment is delivered again, the rest is.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application, or the host lacks ``User.github_login``,
        ``BlockedUsers`` or ``Fork``.
    """
    state = extension_state()
    _check_host(state.tables.host)
    try:
        comment = read_payload(payload)
        users = state.transactions.run(_find_users, comment)
        # Only now: a stranger's comment is not worth parsing.
        commands = read_commands(comment.body)
        if not commands:
            raise IgnoredComment('The comment has no command.')
        user = _check_user(users, state, comment)
        if len(commands) > MAX_COMMANDS:
            raise IgnoredComment(f'The comment has more than {MAX_COMMANDS} commands.', asked=True)
        if state.transactions.run(is_blocked, comment.author_id):
            raise IgnoredComment('The author of this pull request is blocked.', asked=True)
    except IgnoredComment as ignored:
        return CommentOutcome(ignored=str(ignored), asked=ignored.asked)

    targets: dict[_Target, RetryFields] = {}
    for command in commands:
        if isinstance(command, Command):
            for platform in command.platforms:
                targets.setdefault(_Target(platform, command.failed_only),
                                   RetryFields(command.failed_only, command.reason))
    refusals = [CommentRefusal(None, None, command.message) for command in commands
                if isinstance(command, InvalidCommand)]
    retries = []
    pull_request = _find_pull_request(comment.pr_nr)
    for target, fields in targets.items():
        outcome = _retry(comment, pull_request, user, target, fields)
        if isinstance(outcome, CommentRetry):
            retries.append(outcome)
        else:
            refusals.append(outcome)
    return CommentOutcome(retries=tuple(retries), refusals=tuple(dict.fromkeys(refusals)))


def _check_host(host: HostModels) -> None:
    missing = [] if hasattr(host.User, 'github_login') else ['the column User.github_login']
    missing += [f'the model {full_name(name)}' for name in ('BlockedUsers', 'Fork') if getattr(host, name) is None]
    if missing:
        raise MountError('mod_runs_api cannot tell who comments on GitHub. '
                         f'The application lacks {", ".join(missing)}.')


def _find_users(db: Database, comment: Comment) -> list[User]:
    """Return the users of the host with the account that a comment is by. Without one, the comment is ignored."""
    if is_blocked(db, comment.account_id):
        # Without an answer, which is all that they could still bring about here.
        raise IgnoredComment('The writer of the comment is blocked.')
    users = find_github_users(db, comment.login)
    if not users:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to nobody on this platform.')
    return users


def _check_user(users: list[User], state: ExtensionState, comment: Comment) -> User:
    if len(users) > 1:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to several people on this platform.',
                             asked=True)
    if users[0].role not in state.settings.retry_roles:
        raise IgnoredComment(f'The role of {comment.login} does not have permission to run tests.', asked=True)
    return users[0]


def _find_pull_request(number: int) -> PullRequest:
    """Return a pull request, with the commit at its head if GitHub says it."""
    access = github_access()
    head_commit: str | None = None
    try:
        head_commit = access.open_repository().get_pull(number).head.sha
    except Exception as error:
        log().warning(f'the head of pull request {number} is not known: {type(error).__name__}')
    return PullRequest(f'/{access.full_name}.git', number, head_commit)


def _retry(comment: Comment, pull_request: PullRequest, user: User, target: _Target,
           fields: RetryFields) -> CommentRetry | CommentRefusal:
    digest = digest_key('comment', f'{comment.id} {target.platform} {"failed" if target.failed_only else "all"}')
    run_id = extension_state().transactions.run(_choose_run, pull_request, target, digest)
    if isinstance(run_id, CommentRefusal):
        return run_id
    try:
        retry = submit_retry(run_id, fields, user.id, digest, extra_checks=(build_artifact_exists,))
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(target.platform, run_id, error.message)
    return CommentRetry(target.platform, retry.run_id, retry.new_run_id, retry.failed_only, retry.test_count,
                        retry.replayed, external_run_page(retry.new_run_id),
                        _what_is_known(retry.new_run_id) if retry.failed_only else '')


def _what_is_known(run_id: int) -> str:
    """Return what the attempts have proved so far; the retry stands, whether that can be told or not."""
    try:
        return to_sentence(attempts_verdict(run_id))
    except RunsApiError:
        return ''


def _choose_run(db: Database, pull_request: PullRequest, target: _Target,
                idempotency_digest: str) -> int | CommentRefusal:
    """Return the run of a pull request that a command means, or why there is nothing to retry."""
    source = _find_source_id(db, pull_request, target)
    # A repeated delivery must use the source of the first one, although that has made a newer attempt. It is looked up
    # last: a delivery at the same moment may have been committed since the source was chosen.
    earlier = find_retry(db, idempotency_digest)
    return source if earlier is None else int(earlier.source_run_id)


def _find_source_id(db: Database, pull_request: PullRequest, target: _Target) -> int | CommentRefusal:
    run_id = find_newest_run(db, pull_request, target.platform)
    if run_id is None:
        return CommentRefusal(target.platform, None, f'This pull request has no run on {target.platform}.')
    progress = read_progress(db, [attempt.run_id for attempt in read_attempts(db, run_id)])
    if progress[run_id].status is None:
        return CommentRefusal(target.platform, run_id, f'Run {run_id} is still queued.')
    if not target.failed_only:
        return run_id
    ended = [attempt for attempt in progress.values() if attempt.has_ended]
    return max(ended, key=lambda attempt: attempt.end_id).run_id if ended else run_id
