"""Retries that are asked for in a comment on a pull request (contract section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (Column, Connection, String, exists, func, select,
                        type_coerce)

from ..attempts import ended_attempts
from ..errors import MountError, RunNotFound, RunsApiError, Unprocessable
from ..extension import ExtensionState, extension_state
from ..host.github import github_access
from ..host.models import (PULL_REQUEST, BlockedUsersTable, ForkTable,
                           HostModels, User)
from ..host.runtime import external_run_page
from ..retry import RetryRequest, digest_key
from ..service import attempts_verdict, in_transaction, submit_retry
from ..summary import to_sentence
from ..tables import Tables
from .checks import build_artifact_exists
from .commands import Command, InvalidCommand, read_commands
from .payload import Comment, IgnoredComment, read_payload
from .reply import CommentOutcome, CommentRefusal, CommentRetry

#: The branch that the platform gives the runs of all pull requests.
BRANCH = 'pull_request'

#: More lines with commands than anybody means.
MAX_COMMANDS = 20


@dataclass(frozen=True)
class _Needed:
    """What only comments need of a host."""

    github_login: Column[Any]
    blocked: BlockedUsersTable
    fork: ForkTable


@dataclass(frozen=True)
class _Target:
    """A retry that a comment asks for."""

    platform: str
    failed_only: bool


def retry_from_comment(payload: Any, delivery_id: str | None = None) -> CommentOutcome:
    """
    Do what a comment on a pull request asks for: for the ``issue_comment`` branch of the platform's webhook.

    A line ``/retry [linux] [windows] [failed] [because REASON]`` of a new comment retries the run of the pull request
    on each platform that it names, or on every one (contract section 5 says which run that is, and who may). Equal
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
        The database is away or read-only, or still failing after the retries. What was created until then stays; when
        the comment is delivered again, the rest is.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application, or the host lacks ``User.github_login``,
        ``BlockedUsers`` or ``Fork``.
    """
    state = extension_state()
    needed = _check_host(state.tables.host)
    try:
        comment = read_payload(payload)
        users = in_transaction(state, lambda connection: _find_users(connection, state.tables.host, needed, comment))
        # After that: a comment of a stranger is not worth the parsing.
        commands = read_commands(comment.body)
        if not commands:
            raise IgnoredComment('The comment has no command.')
        user = _check_user(users, state, comment)
        if len(commands) > MAX_COMMANDS:
            raise IgnoredComment(f'The comment has more than {MAX_COMMANDS} commands.', asked=True)
        if in_transaction(state, lambda connection: _is_blocked(connection, needed, comment.author_id)):
            raise IgnoredComment('The author of this pull request is blocked.', asked=True)
    except IgnoredComment as ignored:
        return CommentOutcome(ignored=str(ignored), asked=ignored.asked)

    targets: dict[_Target, str | None] = {}
    for command in commands:
        if isinstance(command, Command):
            for platform in command.platforms:
                targets.setdefault(_Target(platform, command.failed_only), command.reason)
    refusals = [CommentRefusal(None, None, command.message) for command in commands
                if isinstance(command, InvalidCommand)]
    retries = []
    for target, reason in targets.items():
        outcome = _retry(state, needed, comment, user, target, reason)
        if isinstance(outcome, CommentRetry):
            retries.append(outcome)
        else:
            refusals.append(outcome)
    return CommentOutcome(retries=tuple(retries), refusals=tuple(dict.fromkeys(refusals)))


def _check_host(host: HostModels) -> _Needed:
    login, blocked, fork = host.user.github_login, host.blocked_users, host.fork
    if login is not None and blocked is not None and fork is not None:
        return _Needed(login, blocked, fork)
    missing = ['the column User.github_login'] if login is None else []
    missing += [f'the model {table.module_name}.{table.model_name}'
                for table, found in ((BlockedUsersTable, blocked), (ForkTable, fork)) if found is None]
    raise MountError(f'mod_runs_api cannot tell who comments on GitHub. The application lacks {", ".join(missing)}.')


def _find_users(connection: Connection, host: HostModels, needed: _Needed, comment: Comment) -> list[User]:
    """Return the users of the host with the account that a comment is by. Without one, the comment is ignored."""
    if _is_blocked(connection, needed, comment.account_id):
        # Without an answer, which is all that they could still bring about here.
        raise IgnoredComment('The writer of the comment is blocked.')
    user = host.user
    rows = connection.execute(
        select(user.id, user.name, type_coerce(user.role, String), needed.github_login)
        .where(func.lower(needed.github_login) == comment.login.lower())).all()
    # Upper and lower case are the same to GitHub, and nothing else is. The database's collation takes more for the
    # same: letters with accents, or trailing blanks.
    users = [User.from_row(*row) for *row, login in rows if login.isascii() and login.lower() == comment.login.lower()]
    users = [user for user in users if not user.is_deactivated]
    if not users:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to nobody on this platform.')
    return users


def _is_blocked(connection: Connection, needed: _Needed, account_id: int | None) -> bool:
    column = needed.blocked.user_id
    return connection.scalar(select(column).where(column == account_id)) is not None


def _check_user(users: list[User], state: ExtensionState, comment: Comment) -> User:
    if len(users) > 1:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to several people on this platform.',
                             asked=True)
    if users[0].role not in state.settings.retry_roles:
        raise IgnoredComment(f'The role of {comment.login} does not have permission to run tests.', asked=True)
    return users[0]


def _retry(state: ExtensionState, needed: _Needed, comment: Comment, user: User, target: _Target,
           reason: str | None) -> CommentRetry | CommentRefusal:
    digest = digest_key('comment', f'{comment.id} {target.platform} {"failed" if target.failed_only else "all"}')
    run_id = in_transaction(state, lambda connection: _choose_run(
        connection, state.tables, needed.fork, comment.pr_nr, target, digest))
    if isinstance(run_id, CommentRefusal):
        return run_id
    request = RetryRequest(run_id=run_id, failed_only=target.failed_only, reason=reason, requester_id=user.id,
                           idempotency_digest=digest, drop_inactive=state.settings.drop_inactive_tests)
    try:
        retry = submit_retry(state, request, extra_checks=(build_artifact_exists,))
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


def _choose_run(connection: Connection, tables: Tables, fork: ForkTable, pr_nr: int, target: _Target,
                idempotency_digest: str) -> int | CommentRefusal:
    """Return the run of a pull request that a command means, or why there is nothing to retry."""
    test, progress, retry = tables.host.test, tables.host.test_progress, tables.run_retry.c
    platform = target.platform
    first_id = _find_first_run(connection, tables, fork, pr_nr, platform)
    source: int | CommentRefusal
    if first_id is None:
        source = CommentRefusal(platform, None, f'This pull request has no run on {platform}.')
    elif not connection.scalar(select(exists().where(progress.test_id == first_id))):
        source = CommentRefusal(platform, first_id, f'Run {first_id} is still queued.')
    elif target.failed_only:
        source = max(connection.scalars(ended_attempts(tables, first_id)), default=first_id)
    else:
        source = first_id
    # A repeated delivery must use the source of the first one, although that has made a newer attempt. It is looked up
    # last: a delivery at the same moment may have been committed since the source was chosen.
    earlier: int | None = connection.scalar(
        select(retry.source_test_id).join_from(tables.run_retry, test.table, test.id == retry.test_id)
        .where(retry.idempotency_digest == idempotency_digest))
    return source if earlier is None else earlier


def _find_first_run(connection: Connection, tables: Tables, fork: ForkTable, pr_nr: int, platform: str) -> int | None:
    """
    Return the first run of the newest commit of a pull request.

    Of each commit the first run counts: a redelivered or reopened event makes a second one that never gets tests. The
    newest commit is the one whose first run has the highest id.
    """
    test, retry = tables.host.test, tables.run_retry.c
    repository = f'/{github_access().full_name}.git'
    first_ids = (
        select(func.min(test.id))
        .join_from(test.table, fork.table, fork.id == test.fork_id)
        .outerjoin(tables.run_retry, retry.test_id == test.id)
        .where(test.pr_nr == pr_nr, type_coerce(test.test_type, String) == PULL_REQUEST, test.branch == BRANCH,
               type_coerce(test.platform, String) == platform, retry.test_id.is_(None),
               # GitHub's names are the same in upper and lower case.
               fork.github.iendswith(repository, autoescape=True))
        .group_by(test.commit))
    return max(connection.scalars(first_ids), default=None)
