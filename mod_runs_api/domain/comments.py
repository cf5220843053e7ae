"""
Comments on pull requests, and the commands in them (docs/github.rst, "Comments").

The command is a line ``/retry [linux] [windows] [failed] [because REASON]`` outside fenced code and HTML comments.
There is no Markdown parser: the command works only for people who may retry, so an unintended line costs them one run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .run import PLATFORMS

COMMAND, FAILED, BECAUSE = '/retry', 'failed', 'because'


class IgnoredComment(Exception):
    """The comment is ignored. The message says why. Its writer gets a reply if ``asked`` is true."""

    def __init__(self, reason: str, asked: bool = False) -> None:
        super().__init__(reason)
        self.asked = asked


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


def read_commands(comment: str) -> list[Command | InvalidCommand]:
    """Return the commands in a comment, in order: of a line, one for each platform that it names, or for all."""
    lines = _hide_code_and_html_comments(comment).split('\n')
    return [command for line in lines if (words := _find_words(line)) is not None for command in _read_words(words)]


def _hide_code_and_html_comments(comment: str) -> str:
    """Return a comment with a blank for each HTML comment, and without the lines of fenced code."""
    # Anybody can write a comment of 65,536 characters. Therefore each step looks at its own part, so that the time
    # grows in proportion to the length. A regular expression for fences took a second.
    visible: list[str] = []
    fence = ''
    in_html_comment = False
    for line in comment.replace('\r\n', '\n').replace('\r', '\n').split('\n'):
        marks, rest = _split_fence(line)
        if fence:
            if marks.startswith(fence) and not rest.strip(' \t'):
                fence = ''
        elif marks and not in_html_comment and not (marks[0] == '`' and '`' in rest):
            fence = marks
        else:
            for number, part in enumerate(line.split('-->')):
                if number:
                    visible.append(' ' if in_html_comment else '-->')
                    in_html_comment = False
                if not in_html_comment:
                    text, opening, _ = part.partition('<!--')
                    visible.append(text)
                    in_html_comment = bool(opening)
            if not in_html_comment:
                visible.append('\n')
    return ''.join(visible)


def _split_fence(line: str) -> tuple[str, str]:
    """Return the marks of a code fence at the beginning of a line, empty if there is none, and the rest."""
    text = line.lstrip(' ')
    rest = text.lstrip(text[:1]) if text[:1] in ('`', '~') else text
    marks = text[:len(text) - len(rest)]
    return (marks, rest) if len(marks) >= 3 and len(line) - len(text) <= 3 else ('', line)


def _find_words(line: str) -> str | None:
    """Return what follows the command in a line; None if the line is no command."""
    name, rest = line[:len(COMMAND)], line[len(COMMAND):]
    return rest if name.lower() == COMMAND and rest[:1] in ('', ' ', '\t') else None


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
