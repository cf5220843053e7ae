"""
Comments on pull requests, and the commands in them (docs/github.rst, "Comments").

The command is a line ``/retry [linux] [windows] [failed] [because REASON]`` outside fenced code and HTML comments.
There is no Markdown parser: the command works only for people who may retry, so an unintended line costs them one run.
"""

from collections.abc import Sequence
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
    #: The commit of the run, if GitHub did not say whether it is the head; else None.
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
    #: As of :class:`CommentRetry`.
    commit: str | None = None


def read_commands(comment: str) -> list[Command | InvalidCommand]:
    """
    Return the commands in a comment, in order.

    A line yields one command per named platform, or per platform if it names none.
    """
    lines = _hide_code_and_html_comments(comment).split('\n')
    return [command for line in lines if (words := _find_words(line)) is not None for command in _read_words(words)]


def _hide_code_and_html_comments(comment: str) -> str:
    """Return a comment with a blank for each HTML comment, and without the lines of fenced code."""
    # Anybody can write a comment of 65,536 characters. Therefore each step looks at its own part, so that the time
    # grows in proportion to the length. A regular expression for fences took a second.
    visible: list[str] = []
    fence = ''
    in_html_comment = False
    # The column at which the text of the outermost list item begins; 0 outside of lists.
    item = 0
    for line in comment.replace('\r\n', '\n').replace('\r', '\n').split('\n'):
        indent = len(line) - len(line.lstrip(' '))
        if indent < item and line.strip():
            item, fence = 0, ''  # The item ends, and so does a fence in it.
        is_indented_code = indent > 3 and not item
        if fence:
            marks, rest = _split_fence(line[indent:])
            if not is_indented_code and marks.startswith(fence) and not rest.strip(' \t'):
                fence = ''
            continue
        if not is_indented_code and not in_html_comment:
            text, first = _skip_markers(line, indent)
            item = item or first
            marks, rest = _split_fence(line[text:])
            if marks and not (marks[0] == '`' and '`' in rest):
                fence = marks
                continue
        for number, part in enumerate(line.split('-->')):
            if number:
                visible.append(' ' if in_html_comment else '-->')
                in_html_comment = False
            if not in_html_comment:
                shown, opening, _ = part.partition('<!--')
                visible.append(shown)
                in_html_comment = bool(opening)
        if not in_html_comment:
            visible.append('\n')
    return ''.join(visible)


def _split_fence(text: str) -> tuple[str, str]:
    """Return the marks of a code fence at the beginning of a text, empty if there is none, and the rest."""
    rest = text.lstrip(text[:1]) if text[:1] in ('`', '~') else text
    marks = text[:len(text) - len(rest)]
    return (marks, rest) if len(marks) >= 3 else ('', text)


def _skip_markers(line: str, start: int) -> tuple[int, int]:
    """Return where the text after the markers of list items begins, and that of the first item; 0 if there is none."""
    first = 0
    while (end := _find_end_of_marker(line, start)) > start:
        start = end
        while line[start:start + 1] == ' ':
            start += 1
        # After more than four blanks, or without a text, the text of the item begins in the next column but one.
        first = first or (start if start - end <= 4 and start < len(line) else end + 1)
    return start, first


def _find_end_of_marker(line: str, start: int) -> int:
    """Return where the marker of a list item ends, such as ``-`` or ``12.``; its start if it is none."""
    end = start
    while '0' <= line[end:end + 1] <= '9' and end - start < 9:
        end += 1
    is_marker = line[end:end + 1] in (('-', '+', '*') if end == start else ('.', ')'))
    return end + 1 if is_marker and line[end + 1:end + 2] in ('', ' ') else start


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
