"""
Comments on pull requests: the commands in them, who may write them, and which count (docs/github.rst, "Comments").

A command is a line ``/retry [linux] [windows] [failed] [because REASON]`` outside fenced code.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .retry import (MAX_REASON_LENGTH, SWITCHED_OFF, Retry, RetryRules,
                    find_unstorable)
from .run import PLATFORMS
from .users import User

#: The command, and its words but for the platforms.
COMMAND, FAILED_ONLY, BECAUSE = '/retry', 'failed', 'because'

#: GitHub knows these line ends, and no others that ``str.splitlines`` knows.
_LINE_END = re.compile(r'\r\n?|\n')
#: The beginning of fenced code, at the margin: three or more backticks, with no further one on the line, or tildes.
_FENCE = re.compile(r'(`{3,}(?=[^`]*\Z)|~{3,})')


class IgnoredComment(Exception):
    """The comment is ignored. The message says why. Its writer gets a reply if ``gets_reply`` is true."""

    def __init__(self, reason: str, gets_reply: bool = False) -> None:
        super().__init__(reason)
        self.gets_reply = gets_reply


@dataclass(frozen=True)
class Comment:
    """A new comment of a user account on an open pull request of the platform's repository."""

    id: int
    body: str
    #: The name and the id of the writer's account.
    login: str
    account_id: int
    pr_nr: int
    #: The account of the pull request's author; None if it was deleted.
    author_id: int | None
    #: Whether GitHub says that the writer belongs to the repository.
    is_by_insider: bool

    @property
    def is_by_author(self) -> bool:
        """Whether the author of the pull request wrote it. Logins can be renamed, so the ids are compared."""
        return self.account_id == self.author_id


class Writer(NamedTuple):
    """The writer of a comment, who may request retries."""

    #: The user who requests them; None if the account does not belong to exactly one.
    user_id: int | None
    #: The login of an author whom no role allows to retry; None for any other writer.
    author_login: str | None = None


def identify_writer(comment: Comment, users: Sequence[User], blocked: Collection[int], rules: RetryRules) -> Writer:
    """
    Return the writer of a comment. Raises :exc:`IgnoredComment` if the writer may not request retries.

    ``users`` has the users with the writer's account, without deactivated ones, and ``blocked`` the blocked accounts.
    """
    user = users[0] if len(users) == 1 else None
    # A reply to any stranger would use up the requests that GitHub allows.
    is_known = bool(users) or comment.is_by_insider
    if comment.account_id in blocked:
        # A blocked user gets no reply either.
        raise IgnoredComment('The writer of the comment is blocked.')
    if user is not None and rules.allow(user):
        writer = Writer(user.id)
    elif rules.author_retries and comment.is_by_author:
        writer = Writer(None if user is None else user.id, comment.login)
    elif not rules.roles:
        raise IgnoredComment(SWITCHED_OFF, gets_reply=is_known)
    elif not users:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to no user of this platform.',
                             gets_reply=is_known)
    elif user is None:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to several users of this platform.',
                             gets_reply=True)
    else:
        raise IgnoredComment(f'The role of {comment.login} does not have permission to run tests.', gets_reply=True)
    if comment.author_id in blocked:
        raise IgnoredComment('The author of this pull request is blocked.', gets_reply=True)
    return writer


@dataclass(frozen=True)
class Command:
    """A retry on one platform that a line requests."""

    platform: str
    failed_only: bool
    reason: str | None
    #: The platforms that the line names. A line that names none means all of them.
    named: tuple[str, ...]


class InvalidCommand(Exception):
    """A line begins like a command but is not a valid one. The message says why."""


class ParsedComment(NamedTuple):
    """The lines of a comment that begin like a command."""

    #: The commands of the valid lines, in order: one for each platform that a line means.
    commands: Sequence[Command]
    #: Why the others are not valid.
    complaints: Sequence[str]


@dataclass(frozen=True)
class CommentOutcome:
    """
    The outcome of a comment (docs/github.rst, "Comments").

    Attributes
    ----------
    retries : tuple of Retry
        The retries that the comment created, or an earlier delivery of it.
    ignored : str or None
        The reason why the comment was ignored; None if it was not.
    reply : str
        The reply, in Markdown that mentions no account and is no command; empty if there is none.
    """

    retries: tuple[Retry, ...] = ()
    ignored: str | None = None
    reply: str = ''


def choose_commands(parsed: ParsedComment, writer: Writer) -> tuple[list[Command], list[str]]:
    """Return the commands that count, one for each platform, and why the other lines are refused."""
    wanted: dict[str, Command] = {}
    complaints = list(parsed.complaints)
    for command in parsed.commands:
        if writer.author_login is not None and not command.failed_only:
            line = ' '.join([COMMAND, *command.named, FAILED_ONLY])
            complaints.append(f'Only maintainers may run all tests. Write "{line}" to run those that did not pass.')
        else:
            wanted.setdefault(command.platform, command)
    # The same sentence counts once: a comment may have 3,000 lines.
    return list(wanted.values()), list(dict.fromkeys(complaints))


def list_mentioned(without_run: Collection[str], parsed: ParsedComment, wanted: Collection[Command]) -> list[str]:
    """Return the platforms without a run that are mentioned: those that a line names, or all if none has a run."""
    named = {command.platform for command in parsed.commands if command.named}
    has_run = len(without_run) < len(wanted)
    return [platform for platform in without_run if platform in named or not has_run]


def parse_commands(comment: str) -> ParsedComment:
    """
    Return the commands in a comment.

    A line yields one command per named platform, or per platform if it names none.
    """
    commands: list[Command] = []
    complaints: list[str] = []
    for line in _list_lines_outside_code(comment):
        words = _find_words(line)
        if words is not None:
            try:
                commands += _parse_words(words)
            except InvalidCommand as invalid:
                complaints.append(str(invalid))
    return ParsedComment(commands, complaints)


def _list_lines_outside_code(comment: str) -> Iterator[str]:
    """Yield the lines of a comment outside fenced code, in which people quote commands."""
    fence = None
    for line in _LINE_END.split(comment):
        opening = _FENCE.match(line)
        if fence is not None:
            if _closes(line, fence):
                fence = None
        elif opening is not None:
            fence = opening[1]
        else:
            yield line


def _closes(line: str, fence: str) -> bool:
    """Return whether a line closes fenced code: it has nothing but the character of the fence, as often or more."""
    return line.startswith(fence) and not line.rstrip(' \t').strip(fence[0])


def _find_words(line: str) -> str | None:
    """Return what follows the command in a line; None if the line is no command."""
    name, rest = line[:len(COMMAND)], line[len(COMMAND):]
    return rest if name.lower() == COMMAND and (not rest or rest[0].isspace()) else None


def _parse_words(text: str) -> Sequence[Command]:
    """Return the commands of a line, from what follows its first word. Raises :exc:`InvalidCommand`."""
    words = text.lower().split()
    has_reason = BECAUSE in words
    targets = words[:words.index(BECAUSE)] if has_reason else words
    if not {*targets} <= {*PLATFORMS, FAILED_ONLY}:
        raise InvalidCommand('I do not understand this line. Write /retry, followed by any of: '
                             f'{", ".join([*PLATFORMS, FAILED_ONLY])}, because and a reason.')
    reason = _parse_reason(text, words_before=len(targets) + 1) if has_reason else None
    named = tuple(platform for platform in PLATFORMS if platform in targets)
    return [Command(platform, FAILED_ONLY in targets, reason, named) for platform in named or PLATFORMS]


def _parse_reason(text: str, words_before: int) -> str:
    """Return the reason after a number of words, to the letter. Raises :exc:`InvalidCommand`: it is not cut."""
    parts = text.split(maxsplit=words_before)
    if len(parts) == words_before:
        raise InvalidCommand('There is no reason after "because".')
    reason = parts[-1].rstrip()
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidCommand(f'The reason cannot be stored. Longer than maximum length {MAX_REASON_LENGTH}.')
    fault = find_unstorable(reason)
    if fault is not None:
        raise InvalidCommand(f'The reason cannot be stored. {fault}')
    return reason
