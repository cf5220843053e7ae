"""
Comments on pull requests, and the commands in them (docs/github.rst, "Comments").

A command is a line ``/retry [linux] [windows] [failed] [because REASON]`` outside code blocks and HTML comments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .retry import Retry
from .run import PLATFORMS

COMMAND, FAILED, BECAUSE = '/retry', 'failed', 'because'


class IgnoredComment(Exception):
    """The comment is ignored. The message says why. Its writer gets a reply if ``gets_reply`` is true."""

    def __init__(self, reason: str, gets_reply: bool = False) -> None:
        super().__init__(reason)
        self.gets_reply = gets_reply


@dataclass(frozen=True)
class Comment:
    """A new comment of a user account on an open pull request of the host's repository."""

    id: int
    body: str
    #: The name and the id of the writer's account.
    login: str
    account_id: int
    pr_nr: int
    #: The account of the pull request's author; None if it was deleted.
    author_id: int | None


@dataclass(frozen=True)
class Command:
    """A retry on one platform that a line requests."""

    platform: str
    failed_only: bool
    reason: str | None
    #: Whether the line names the platform. A line that names none means all of them.
    is_named: bool


@dataclass(frozen=True)
class InvalidCommand:
    """A line that begins like a command but is not a valid one. The message says why."""

    message: str


@dataclass(frozen=True, kw_only=True)
class CommentRetry(Retry):
    """A retry that a comment created. If it is replayed, an earlier delivery of the comment created it."""

    platform: str
    #: The commit of the run; None if it is the head of the pull request.
    commit: str | None
    #: The address of the new run's page; None if no URL can be built.
    address: str | None
    #: The sentence of the attempts' verdict; None if there is none.
    verdict_sentence: str | None


@dataclass(frozen=True)
class CommentRefusal:
    """A retry that a comment requested and that was refused."""

    #: None if the line is no valid command.
    platform: str | None
    #: The run that is not retried; None if there is none on the platform.
    run_id: int | None
    #: The reason of the refusal.
    message: str
    #: As in :class:`CommentRetry`.
    commit: str | None = None


def read_commands(lines: Iterable[str]) -> list[Command | InvalidCommand]:
    """
    Return the commands in the lines of a comment, in order.

    A line yields one command per named platform, or per platform if it names none.
    """
    return [command for line in lines if (words := _find_words(line)) is not None for command in _read_words(words)]


def _find_words(line: str) -> str | None:
    """Return what follows the command in a line; None if the line is no command."""
    name, rest = line[:len(COMMAND)], line[len(COMMAND):]
    return rest if name.lower() == COMMAND and (not rest or rest[0].isspace()) else None


def _read_words(text: str) -> Sequence[Command | InvalidCommand]:
    words = text.lower().split()
    count = words.index(BECAUSE) if BECAUSE in words else len(words)
    targets = {*words[:count]}
    if not targets <= {*PLATFORMS, FAILED}:
        return [InvalidCommand('I do not understand this line. Write /retry, followed by any of: '
                               f'{", ".join([*PLATFORMS, FAILED])}, because and a reason.')]
    if count + 1 == len(words):
        return [InvalidCommand('There is no reason after "because".')]
    # Not from the lowercase words, because the reason is kept to the letter.
    reason = text.split(maxsplit=count + 1)[-1].rstrip() if count < len(words) else None
    named = [platform for platform in PLATFORMS if platform in targets]
    return [Command(platform, FAILED in targets, reason, bool(named)) for platform in named or PLATFORMS]
