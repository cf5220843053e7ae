"""
The commands in a comment on GitHub (docs/github.rst): ``/retry [linux] [windows] [failed] [because REASON]``.

A line counts where it begins with ``/retry``, outside fenced code and HTML comments. Only people who may retry are
obeyed, so a line that they did not mean costs them a run and no more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.comments import Command
from ..domain.run import PLATFORMS
from ..errors import InvalidFields
from ..service.validation import load_retry_fields

#: Fenced code and HTML comments. One that is not closed reaches to the end.
HIDDEN = re.compile(r'^ {0,3}(?P<fence>(?P<mark>[`~])(?P=mark){2,})(?!(?<=`)[^\n]*`).*?'
                    r'(?:^ {0,3}(?P=fence)(?P=mark)*[ \t]*$|\Z)'
                    r'|<!--.*?(?:-->|\Z)', re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r'^/retry(?:[ \t]+(?P<words>.*))?$', re.IGNORECASE | re.MULTILINE)
BECAUSE = re.compile(r'(?<!\S)because(?!\S)', re.IGNORECASE)
FAILED = 'failed'


@dataclass(frozen=True)
class InvalidCommand:
    """A line that begins like a command but is not a valid one. The message says why."""

    message: str


def read_commands(comment: str) -> list[Command | InvalidCommand]:
    """Return the commands in a comment, in order: of a line, one for each platform that it names, or for all."""
    lines = HIDDEN.sub(' ', re.sub('\r\n?', '\n', comment))
    return [command for match in COMMAND.finditer(lines) for command in _read_words(match['words'] or '')]


def _read_words(words: str) -> Sequence[Command | InvalidCommand]:
    before, *after = BECAUSE.split(words, maxsplit=1)
    targets = before.lower().split()
    if not {*targets} <= {*PLATFORMS, FAILED}:
        return [InvalidCommand('I do not understand this line. Write /retry, followed by any of: '
                               f'{", ".join([*PLATFORMS, FAILED])}, because and a reason.')]
    reason = after[0].strip() if after else None
    if reason == '':
        return [InvalidCommand('There is no reason after "because".')]
    # Refused and not cut: the reason is kept to the letter or not at all.
    if reason is not None:
        try:
            load_retry_fields({'reason': reason})
        except InvalidFields as error:
            return [InvalidCommand(f'The reason cannot be stored. {" ".join(error.details["fields"]["reason"])}')]
    named = [platform for platform in PLATFORMS if platform in targets]
    return [Command(platform, FAILED in targets, reason) for platform in named or PLATFORMS]
