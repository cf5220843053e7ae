"""Retries that are asked for in a comment on a pull request (contract section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import (Column, Connection, String, exists, func, select,
                        type_coerce)

from ..attempts import ended_attempts
from ..errors import MountError, RunNotFound, RunsApiError, Unprocessable
from ..extension import ExtensionState, extension_state
from ..host.github import github_access
from ..host.models import (MAX_ID, PULL_REQUEST, BlockedUsersTable, ForkTable,
                           HostModels, User)
from ..host.runtime import external_run_page
from ..retry import RetryRequest
from ..service import attempts_verdict, in_transaction, submit_retry
from ..summary import count_ended, to_sentence
from ..tables import Tables
from .checks import build_artifact_exists
from .commands import Command, InvalidCommand, read_commands

T = TypeVar('T')

#: The branch that the platform gives the runs of all pull requests.
BRANCH = 'pull_request'

#: GitHub's own limit of a comment, in characters.
COMMENT_LENGTH = 65536
#: More lines with commands than anybody means.
MAX_COMMANDS = 20
#: The largest integer that every database compares with.
MAX_GITHUB_ID = 2 ** 63 - 1


@dataclass(frozen=True)
class CommentRetry:
    """
    A retry that a comment has created.

    Attributes
    ----------
    platform : str
        "linux" or "windows".
    run_id, new_run_id, failed_only, test_count, replayed
        As in :class:`mod_runs_api.Retry`. It is ``replayed`` when an earlier delivery of the comment has created it.
    address : str or None
        The address of the new run's page, if it can be told.
    known : str
        What the attempts so far have proved, in a sentence; empty where nothing is known.
    """

    platform: str
    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    replayed: bool
    address: str | None
    known: str = ''


@dataclass(frozen=True)
class CommentRefusal:
    """
    A retry that a comment has asked for in vain.

    Attributes
    ----------
    platform : str or None
        "linux" or "windows"; None where the line was not understood.
    run_id : int or None
        The run that is not retried; None where there is none.
    message : str
        Why not. It may quote the comment: :attr:`CommentOutcome.reply` makes it harmless, a log should ``repr`` it.
    """

    platform: str | None
    run_id: int | None
    message: str


@dataclass(frozen=True)
class CommentOutcome:
    """
    What came of a comment.

    Attributes
    ----------
    ignored : str or None
        Why nothing was done with it, as a sentence; None where something was, or was refused.
    retries : tuple of CommentRetry
        The retries that were created.
    refusals : tuple of CommentRefusal
        Those that were asked for and not created.
    asked : bool
        Whether a user of the platform asked for something, and may be told what came of it.
    """

    ignored: str | None = None
    retries: tuple[CommentRetry, ...] = ()
    refusals: tuple[CommentRefusal, ...] = ()
    asked: bool = True

    @property
    def reply(self) -> str:
        """
        The answer, as Markdown; empty where nobody is to be answered.

        It mentions nobody, links nothing but the new runs, and is no command itself.
        """
        if not self.asked:
            return ''
        if self.ignored is not None:
            return f'No run is retried. {_escape(self.ignored)}'
        return '\n'.join([*(f'- {_describe(retry)}' for retry in self.retries),
                          *(f'- {_explain(refusal)}' for refusal in self.refusals)])


def _describe(retry: CommentRetry) -> str:
    new_run = f'run {retry.new_run_id}' if retry.address is None else f'[run {retry.new_run_id}]({retry.address})'
    if retry.replayed:
        return f'{retry.platform}: run {retry.run_id} is queued again already, as {new_run}.'
    tests = f'{retry.test_count} test{"" if retry.test_count == 1 else "s"}'
    known = f' {retry.known}' if retry.known else ''
    return (f'{retry.platform}: run {retry.run_id} is queued again as {new_run}, '
            f'with {tests}{" that failed" if retry.failed_only else ""}.{known}')


def _explain(refusal: CommentRefusal) -> str:
    if refusal.platform is None or refusal.run_id is None:
        return _escape(refusal.message)
    return f'{refusal.platform}: run {refusal.run_id} is not retried. {_escape(refusal.message)}'


#: Where GitHub would make a link: #1, GH-1 and what else has a number, an advisory, a commit's hash, an address.
LINK = re.compile(r'(?<=#)|(?<=-)(?=\d)|(?<=GHSA-)|(?<=[0-9a-f]{6})(?=[0-9a-f])|(?<=:)(?=//)|(?<=www)(?=\.)',
                  re.IGNORECASE)


def _escape(text: str) -> str:
    """Return Markdown that shows text on one line, and that neither mentions nor links anything."""
    # Characters that no answer can be sent with.
    text = text.encode(errors='replace').decode()
    escaped = re.sub(r'[\\`*_\[\]<>~|&$]', r'\\\g<0>', ' '.join(text.split()))
    # GitHub looks for mentions and links in the text that is shown: a backslash does not keep it from that.
    return LINK.sub('<!-- -->', escaped).replace('@', '(at)')


@dataclass(frozen=True)
class _Needed:
    """What only comments need of a host."""

    github_login: Column[Any]
    blocked: BlockedUsersTable
    fork: ForkTable


@dataclass(frozen=True)
class _Comment:
    """A new comment of a person on an open pull request of the host's repository."""

    id: int
    body: str
    #: The account of its writer, by name and by number.
    login: str
    account_id: int
    pr_nr: int
    #: The account that the pull request is by, where it still exists.
    author_id: int | None


@dataclass(frozen=True)
class _Target:
    """A retry that a comment asks for."""

    platform: str
    failed_only: bool


class _Ignored(Exception):
    """Nothing is done with the comment. The message says why; it is for the writer too, where ``asked`` is true."""

    def __init__(self, reason: str, asked: bool = False) -> None:
        super().__init__(reason)
        self.asked = asked


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
        comment = _read_payload(payload)
        users = in_transaction(state, lambda connection: _find_users(connection, state.tables.host, needed, comment))
        # After that: a comment of a stranger is not worth the parsing.
        commands = read_commands(comment.body)
        if not commands:
            raise _Ignored('The comment has no command.')
        user = _check_user(users, state, comment)
        if len(commands) > MAX_COMMANDS:
            raise _Ignored(f'The comment has more than {MAX_COMMANDS} commands.', asked=True)
        if in_transaction(state, lambda connection: _is_blocked(connection, needed, comment.author_id)):
            raise _Ignored('The author of this pull request is blocked.', asked=True)
    except _Ignored as ignored:
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
    missing += [f'the model {table.module}.{table.model}'
                for table, found in ((BlockedUsersTable, blocked), (ForkTable, fork)) if found is None]
    raise MountError(f'mod_runs_api cannot tell who comments on GitHub. The application lacks {", ".join(missing)}.')


def _read_payload(payload: Any) -> _Comment:
    """Return the comment in the payload of an ``issue_comment``, as far as it may ask for something."""
    if _field(payload, 'action', str) != 'created':
        raise _Ignored('The comment is not new.')
    full_name = github_access().full_name
    if not full_name:
        raise _Ignored('The application does not name its repository on GitHub.')
    if _field(payload, 'repository.full_name', str).lower() != full_name.lower():
        raise _Ignored(f'The comment is not on a pull request of {full_name}.')
    issue = _field(payload, 'issue', dict)
    if issue.get('pull_request') is None:
        raise _Ignored('The comment is on an issue, not on a pull request.')
    if _field(payload, 'issue.state', str) != 'open':
        raise _Ignored('The pull request is not open.')
    written = _field(payload, 'comment', dict)
    if _field(payload, 'comment.user', dict).get('type') == 'Bot' or written.get('performed_via_github_app'):
        raise _Ignored('The comment is by a bot.')
    comment = _Comment(id=_field(payload, 'comment.id', int),
                       body=_field(payload, 'comment.body', str),
                       login=_field(payload, 'comment.user.login', str),
                       account_id=_field(payload, 'comment.user.id', int),
                       pr_nr=_field(payload, 'issue.number', int),
                       # GitHub has null for the author when the account is deleted.
                       author_id=None if issue.get('user') is None else _field(payload, 'issue.user.id', int))
    ids = [comment.id, comment.account_id, comment.account_id if comment.author_id is None else comment.author_id]
    if not all(0 < id <= MAX_GITHUB_ID for id in ids) or not 0 < comment.pr_nr <= MAX_ID:
        raise _Ignored('The payload names no comment, no account of GitHub, or no pull request.')
    if not re.fullmatch('[A-Za-z0-9_-]+', comment.login):
        raise _Ignored('The payload names no account of GitHub.')
    if len(comment.body) > COMMENT_LENGTH:
        raise _Ignored('The comment is longer than comments on GitHub can be.')
    return comment


def _field(payload: Any, path: str, kind: type[T]) -> T:
    value = payload
    for name in path.split('.'):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _Ignored(f'The payload has no {path} as GitHub documents it.')
    return value


def _find_users(connection: Connection, host: HostModels, needed: _Needed, comment: _Comment) -> list[User]:
    """Return the users of the host with the account that a comment is by; at least one, or the comment is ignored."""
    if _is_blocked(connection, needed, comment.account_id):
        # Without an answer, which is all that they could still bring about here.
        raise _Ignored('The writer of the comment is blocked.')
    user = host.user
    rows = connection.execute(
        select(user.id, user.name, type_coerce(user.role, String), needed.github_login)
        .where(func.lower(needed.github_login) == comment.login.lower())).all()
    # Upper and lower case are the same to GitHub, and nothing else is. The database's collation takes more for the
    # same: letters with accents, or trailing blanks.
    users = [User.from_row(*row) for *row, login in rows if login.isascii() and login.lower() == comment.login.lower()]
    users = [user for user in users if not user.is_deactivated]
    if not users:
        raise _Ignored(f'The GitHub account {comment.login} belongs to nobody on this platform.')
    return users


def _is_blocked(connection: Connection, needed: _Needed, account_id: int | None) -> bool:
    column = needed.blocked.user_id
    return connection.scalar(select(column).where(column == account_id)) is not None


def _check_user(users: list[User], state: ExtensionState, comment: _Comment) -> User:
    if len(users) > 1:
        raise _Ignored(f'The GitHub account {comment.login} belongs to several people on this platform.', asked=True)
    if users[0].role not in state.settings.retry_roles:
        raise _Ignored(f'The role of {comment.login} does not have permission to run tests.', asked=True)
    return users[0]


def _retry(state: ExtensionState, needed: _Needed, comment: _Comment, user: User, target: _Target,
           reason: str | None) -> CommentRetry | CommentRefusal:
    key = f'github-comment-{comment.id}-{target.platform}-{"failed" if target.failed_only else "all"}'
    # Which run it is for is found below, and depends on the key.
    request = RetryRequest(run_id=0, failed_only=target.failed_only, reason=reason, requester_id=user.id,
                           idempotency_key=key, drop_inactive=state.settings.drop_inactive_tests)
    run_id = in_transaction(state, lambda connection: _find_source(
        connection, state.tables, needed.fork, comment.pr_nr, target.platform, request))
    if isinstance(run_id, CommentRefusal):
        return run_id
    try:
        retry = submit_retry(state, replace(request, run_id=run_id), extra_checks=(build_artifact_exists,))
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(target.platform, run_id, error.message)
    return CommentRetry(target.platform, retry.run_id, retry.new_run_id, retry.failed_only, retry.test_count,
                        retry.replayed, external_run_page(retry.new_run_id),
                        _what_is_known(retry.new_run_id) if retry.failed_only else '')


def _what_is_known(run_id: int) -> str:
    """Return what the attempts have proved so far; the retry stands, whether that can be told or not."""
    try:
        verdict = attempts_verdict(run_id)
    except RunsApiError:
        return ''
    return to_sentence(verdict) if count_ended(verdict) > 1 else ''


def _find_source(connection: Connection, tables: Tables, fork: ForkTable, pr_nr: int, platform: str,
                 request: RetryRequest) -> int | CommentRefusal:
    """Return the run of a pull request that a command means, or why there is nothing to retry."""
    test, progress, retry = tables.host.test, tables.host.test_progress, tables.run_retry.c
    first_id = _find_first_run(connection, tables, fork, pr_nr, platform)
    source: int | CommentRefusal
    if first_id is None:
        source = CommentRefusal(platform, None, f'This pull request has no run on {platform}.')
    elif not connection.scalar(select(exists().where(progress.test_id == first_id))):
        source = CommentRefusal(platform, first_id, f'Run {first_id} is still queued.')
    elif request.failed_only:
        source = max(connection.scalars(ended_attempts(tables, first_id)), default=first_id)
    else:
        source = first_id
    # An earlier delivery of the comment has made a newer attempt, and is repeated for its own source. This is looked
    # up last: a delivery at the same moment may have been committed since the source was chosen.
    earlier: int | None = connection.scalar(
        select(retry.source_test_id).join_from(tables.run_retry, test.table, test.id == retry.test_id)
        .where(retry.idempotency_digest == request.idempotency_digest))
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
