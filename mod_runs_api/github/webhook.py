"""
GitHub: retries that are asked for in a comment there, and what GitHub is told and asked about the others.

:func:`retry_from_comment` is for the platform's webhook. :func:`post_queued_status` and :func:`build_artifact_exists`
are off until somebody connects the one and names the other in a setting. The platform's modules and PyGithub are
imported when they are needed, by ``host``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import Column, Connection, String, func, select, type_coerce

from ..errors import MountError, RunNotFound, Unprocessable
from ..extension import ExtensionState, extension_state
from ..host import github as host_github
from ..host.models import MAX_ID, BlockedUsersTable, HostModels, User
from ..host.runtime import external_run_page, log
from ..retry import RetryRequest, Source
from ..service import in_transaction, retry_run
from .commands import Command, InvalidCommand, read_commands

T = TypeVar('T')

#: The type of the runs that belong to a pull request, as the database has it.
PULL_REQUEST = 'pr'

#: GitHub's own limit of a comment, in characters.
COMMENT_LENGTH = 65536
#: More lines with commands than anybody means.
MAX_COMMANDS = 20
#: The largest integer that every database compares with.
MAX_GITHUB_ID = 2 ** 63 - 1


@dataclass(frozen=True)
class CommentRetry:
    """
    A retry that a comment has made.

    Attributes
    ----------
    platform : str
        "linux" or "windows".
    run_id, new_run_id, failed_only, test_count, replayed
        As in :class:`mod_runs_api.Retry`. It is ``replayed`` when an earlier delivery of the comment had made it.
    address : str or None
        Where the new run's page is, if that can be told.
    """

    platform: str
    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    replayed: bool
    address: str | None


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
        The runs that were made.
    refusals : tuple of CommentRefusal
        Those that were asked for and not made.
    asked : bool
        Whether the writer asked for something and may be told what came of it.
    """

    ignored: str | None = None
    retries: tuple[CommentRetry, ...] = ()
    refusals: tuple[CommentRefusal, ...] = ()
    asked: bool = True

    @property
    def reply(self) -> str:
        """
        What to answer in the comments, as Markdown that calls nobody; '' where nobody waits for an answer.

        No line of it is a command.
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
    return (f'{retry.platform}: run {retry.run_id} is queued again as {new_run}, '
            f'with {tests}{" that failed" if retry.failed_only else ""}.')


def _explain(refusal: CommentRefusal) -> str:
    if refusal.platform is None or refusal.run_id is None:
        return _escape(refusal.message)
    return f'{refusal.platform}: run {refusal.run_id} is not retried. {_escape(refusal.message)}'


def _escape(text: str) -> str:
    """Write text as Markdown that shows it, on one line, and that neither calls people nor links issues."""
    # What GitHub makes mentions and links of is the text that is shown: a backslash does not keep it from that.
    escaped = re.sub(r'[\\`*_\[\]<>~|&$]', r'\\\g<0>', ' '.join(text.split()))
    return escaped.replace('#', '#<!-- -->').replace('@', '(at)')


@dataclass(frozen=True)
class _Comment:
    """A new comment of a person on an open pull request of the host's repository."""

    body: str
    #: The account of its writer, by name and by number.
    login: str
    account_id: int
    pr_nr: int
    id: object


@dataclass(frozen=True)
class _Wish:
    """A retry that a comment asks for."""

    platform: str
    failed_only: bool
    #: What makes it one retry, however often the comment is delivered.
    idempotency_key: str | None


class _Ignored(Exception):
    """Nothing is done with the comment. The message says why; to its writer, too, where they asked for something."""

    def __init__(self, reason: str, asked: bool = False) -> None:
        super().__init__(reason)
        self.asked = asked


def retry_from_comment(payload: Any, delivery_id: str | None) -> CommentOutcome:
    """
    Do what a comment on a pull request asks for: for the ``issue_comment`` branch of the platform's webhook.

    A line of a new comment on an open pull request, which is no code and no quotation,

    ``/retry [linux] [windows] [failed] [because REASON]``

    retries the newest run of the pull request on each platform that is named, or on every one; only what failed
    there; for a reason of at most 255 characters. The writer must be known to the platform by their GitHub account,
    have a role that may retry, and not be blocked. Equal lines count once, by platform and by ``failed``.

    The signature must have been checked. Needs an application context.

    Parameters
    ----------
    payload : dict
        What GitHub has sent. What is not as GitHub documents it is ignored with a reason.
    delivery_id : str or None
        The header ``X-GitHub-Delivery``. It is the same when a delivery is repeated, which then makes nothing more.
        Where there is none, the number of the comment does as well.

    Returns
    -------
    CommentOutcome

    Raises
    ------
    ServiceUnavailable
        The database is away, read-only, or gave way too often. What was made until then stays; when the delivery is
        repeated, the rest is.
    InternalError
        Anything else that the database says. The log has more.
    MountError
        The blueprint is not registered in the current application, or the host lacks ``User.github_login`` or
        ``BlockedUsers``.
    """
    state = extension_state()
    login_column, blocked = _needed(state.tables.host)
    try:
        comment = _read(payload)
        lines = read_commands(comment.body)
        if not lines:
            raise _Ignored('The comment has no command.')
        person = in_transaction(state, lambda connection: _person(connection, state, login_column, blocked, comment))
        if len(lines) > MAX_COMMANDS:
            raise _Ignored(f'The comment has more than {MAX_COMMANDS} commands.', asked=True)
    except _Ignored as ignored:
        return CommentOutcome(ignored=str(ignored), asked=ignored.asked)

    refusals = [CommentRefusal(None, None, line.message) for line in lines if isinstance(line, InvalidCommand)]
    wishes = _wishes([line for line in lines if isinstance(line, Command)], _origin(comment, delivery_id))
    # All of them before the first retry, which is a newer run itself.
    run_ids = in_transaction(state, lambda connection: {
        wish: _source_id(connection, state, comment.pr_nr, person, wish) for wish in wishes})
    retries = []
    for wish, reason in wishes.items():
        run_id = run_ids[wish]
        if run_id is None:
            refusals.append(CommentRefusal(wish.platform, None, f'This pull request has no run on {wish.platform}.'))
            continue
        try:
            made = retry_run(run_id, failed_only=wish.failed_only, reason=reason, requested_by=person.id,
                             idempotency_key=wish.idempotency_key)
        except (RunNotFound, Unprocessable) as error:
            refusals.append(CommentRefusal(wish.platform, run_id, error.message))
        else:
            retries.append(CommentRetry(wish.platform, made.run_id, made.new_run_id, made.failed_only,
                                        made.test_count, made.replayed, external_run_page(made.new_run_id)))
    return CommentOutcome(retries=tuple(retries), refusals=tuple(dict.fromkeys(refusals)))


def _needed(of: HostModels) -> tuple[Column[Any], BlockedUsersTable]:
    """Give what only comments need of a host."""
    login_column, blocked = of.user.github_login, of.blocked_users
    if login_column is not None and blocked is not None:
        return login_column, blocked
    missing = [*(['the column User.github_login'] if login_column is None else []),
               *([f'the model {BlockedUsersTable.module}.{BlockedUsersTable.model}'] if blocked is None else [])]
    raise MountError(f'mod_runs_api cannot tell who comments on GitHub. The application lacks {", ".join(missing)}.')


def _read(payload: Any) -> _Comment:
    """Read the payload of an ``issue_comment``, as far as it may ask for something."""
    if _field(payload, 'action', str) != 'created':
        raise _Ignored('The comment is not new.')
    full_name = host_github.github_access().full_name
    if full_name and _field(payload, 'repository.full_name', str).lower() != full_name.lower():
        raise _Ignored(f'The comment is not on a pull request of {full_name}.')
    if _field(payload, 'issue', dict).get('pull_request') is None:
        raise _Ignored('The comment is on an issue, not on a pull request.')
    if _field(payload, 'issue.state', str) != 'open':
        raise _Ignored('The pull request is not open.')
    written = _field(payload, 'comment', dict)
    if _field(payload, 'comment.user', dict).get('type') == 'Bot' or written.get('performed_via_github_app'):
        raise _Ignored('The comment is by a bot.')
    comment = _Comment(body=_field(payload, 'comment.body', str),
                       login=_field(payload, 'comment.user.login', str),
                       account_id=_field(payload, 'comment.user.id', int),
                       pr_nr=_field(payload, 'issue.number', int),
                       id=written.get('id'))
    if not comment.login or not 0 < comment.account_id <= MAX_GITHUB_ID or not 0 < comment.pr_nr <= MAX_ID:
        raise _Ignored('The payload names no account of GitHub, or no pull request.')
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


def _person(connection: Connection, state: ExtensionState, login_column: Column[Any], blocked: BlockedUsersTable,
            comment: _Comment) -> User:
    """Find the person of the host who has written a comment, where they may retry."""
    user = state.tables.host.user
    if connection.scalar(select(blocked.user_id).where(blocked.user_id == comment.account_id)) is not None:
        # Without an answer, which is all that they could still bring about here.
        raise _Ignored('The writer of the comment is blocked.')
    rows = connection.execute(select(user.id, user.name, type_coerce(user.role, String), login_column)
                              .where(func.lower(login_column) == comment.login.lower())).all()
    # GitHub's names are ASCII, and upper and lower case are the same to it. A collation of the database takes more for
    # the same: letters with accents, or trailing spaces.
    people = [User.from_row(user_id, name, role) for user_id, name, role, login in rows
              if login.isascii() and login.lower() == comment.login.lower()]
    if not people:
        raise _Ignored(f'The GitHub account {comment.login} belongs to nobody on this platform.', asked=True)
    if len(people) > 1:
        raise _Ignored(f'The GitHub account {comment.login} belongs to several people on this platform.', asked=True)
    if people[0].role not in state.settings.retry_roles:
        raise _Ignored(f'The role of {comment.login} does not have permission to run tests.', asked=True)
    return people[0]


def _wishes(commands: list[Command], origin: str | None) -> dict[_Wish, str | None]:
    """Give every retry that is asked for once, with the first reason that is given for it."""
    wishes: dict[_Wish, str | None] = {}
    for command in commands:
        for platform in command.platforms:
            key = None
            if origin is not None:
                # A digest, for nobody knows what the header of a delivery may hold.
                key = hashlib.sha256(f'{origin} {platform} {command.failed_only}'.encode(errors='replace')).hexdigest()
            wishes.setdefault(_Wish(platform, command.failed_only, key), command.reason)
    return wishes


def _origin(comment: _Comment, delivery_id: object) -> str | None:
    """Give what tells this comment from all others, or None."""
    if isinstance(delivery_id, str) and delivery_id.strip():
        return f'delivery {delivery_id.strip()}'
    return f'comment {comment.id}' if isinstance(comment.id, int) else None


def _source_id(connection: Connection, state: ExtensionState, pr_nr: int, person: User, wish: _Wish) -> int | None:
    """
    Find the run to retry: the newest one of the pull request, or the one that an earlier delivery has retried.

    That earlier delivery has made a newer run. Both are looked up in one statement, which sees both or neither.
    """
    test, retries = state.tables.host.test, state.tables.run_retry
    digest = RetryRequest(0, requester_id=person.id, idempotency_key=wish.idempotency_key).idempotency_digest
    earlier = select(retries.c.source_test_id).where(retries.c.idempotency_digest == (digest or ''))
    # From the newest run of all backwards, for the host has no index to find a pull request's runs by.
    newest = (select(test.id)
              .where(test.pr_nr == pr_nr, type_coerce(test.test_type, String) == PULL_REQUEST,
                     type_coerce(test.platform, String) == wish.platform)
              .order_by(test.id.desc())
              .limit(1))
    found: int | None = connection.scalar(select(func.coalesce(earlier.scalar_subquery(), newest.scalar_subquery())))
    return found


def post_queued_status(_app: Flask, *, new_run_id: int, **_facts: Any) -> None:
    """
    Post the commit status "Tests queued" with the new run's address, so that it no longer shows the old failure.

    Off until it is connected: ``run_retried.connect(post_queued_status)``. Where GitHub cannot be told, the retry stays
    and the log says so.

    Parameters
    ----------
    _app : Flask
        The sender of the signal.
    new_run_id : int
        The run that was made.
    **_facts
        What else the signal says.
    """
    state = extension_state()
    test = state.tables.host.test
    run = in_transaction(state, lambda connection: connection.execute(
        select(test.commit.label('commit'), type_coerce(test.platform, String).label('platform'))
        .where(test.id == new_run_id)).one())
    host_github.post_pending_status(host_github.github_access().open_repository(), run.commit, run.platform, 'Tests queued',
                             external_run_page(new_run_id))


def build_artifact_exists(source: Source) -> str | None:
    """
    Refuse to retry a run whose build GitHub no longer keeps: the new run would be accepted and die in the queue.

    Off until it is set: ``RUNS_API_BEFORE_RETRY = build_artifact_exists``. It looks where the platform's job will look,
    with the platform's own function. That one gives None both when there is no artifact and when GitHub did not
    answer, so it is believed only after it has been through all the artifacts, or through as many as it ever does:
    the job will not find it either. In every other case the retry is let through, as without the check.

    Parameters
    ----------
    source : Source
        The run to retry: its ``commit`` and ``platform``.

    Returns
    -------
    str or None
        Why not, as a sentence.
    """
    try:
        searched = _Searched(host_github.github_access().open_repository())
        artifact = host_github.find_build_artifact(searched, source.commit, source.platform)
        # Listed for a while after it is gone.
        gone = searched.wholly() if artifact is None else artifact.expired is True
    except Exception as error:
        log().warning(f'the build of run {source.id} was not looked for: {type(error).__name__}')
        return None
    if not gone:
        return None
    return (f'GitHub has no build of commit {source.commit[:8]} for {source.platform}, or no longer: '
            'it keeps builds for 90 days.')


class _Searched:
    """A repository of PyGithub's that notices how far a search through its artifacts gets."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository
        self._count = 0
        self._ended = False

    def get_artifacts(self) -> Iterator[Any]:
        """Give the artifacts."""
        for artifact in self._repository.get_artifacts():
            self._count += 1
            yield artifact
        self._ended = True

    def wholly(self) -> bool:
        """Say whether the search saw everything, or as much as the host ever looks at."""
        return self._ended or self._count >= host_github.artifact_search_limit()
