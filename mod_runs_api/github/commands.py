"""
The commands in a comment on GitHub (docs/github.rst): ``/retry [linux] [windows] [failed] [because REASON]``.

A line counts where it begins with ``/retry``, outside fenced code and HTML comments. Only people who may retry are
obeyed, so a line that they did not mean costs them a run and no more.
"""

import re
from dataclasses import dataclass

from ..domain.run import PLATFORMS
from ..errors import InvalidFields
from ..service.validation import load_retry_fields

#: Fenced code and HTML comments. One that is not closed reaches to the end.
HIDDEN = re.compile(r'^ {0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)'
                    r'|<!--.*?(?:-->|\Z)', re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r'^/retry(?:[ \t]+(?P<words>.*))?$', re.IGNORECASE | re.MULTILINE)
BECAUSE = re.compile(r'(?<!\S)because(?!\S)', re.IGNORECASE)
FAILED = 'failed'


@dataclass(frozen=True)
class Command:
    """A retry that a line asks for: on the platforms that it names or on all, of all tests or of the failed ones."""

    platforms: tuple[str, ...]
    failed_only: bool
    reason: str | None


@dataclass(frozen=True)
class InvalidCommand:
    """A line that begins like a command but is not a valid one. The message says why."""

    message: str


def read_commands(comment: str) -> list[Command | InvalidCommand]:
    """Return the commands in a comment, in their order."""
    lines = re.sub('\r\n?', '\n', comment)
    return [_read_words(match['words'] or '') for match in COMMAND.finditer(HIDDEN.sub(' ', lines))]


def _read_words(words: str) -> Command | InvalidCommand:
    before, *after = BECAUSE.split(words, maxsplit=1)
    targets = before.lower().split()
    if not {*targets} <= {*PLATFORMS, FAILED}:
        return InvalidCommand('I do not understand this line. Write /retry, followed by any of: '
                              f'{", ".join([*PLATFORMS, FAILED])}, because and a reason.')
    reason = after[0].strip() if after else None
    if reason == '':
        return InvalidCommand('There is no reason after "because".')
    # Refused and not cut: the reason is kept to the letter or not at all.
    if reason is not None:
        try:
            load_retry_fields({'reason': reason})
        except InvalidFields as error:
            return InvalidCommand(f'The reason cannot be stored. {" ".join(error.details["fields"]["reason"])}')
    return Command(platforms=tuple(platform for platform in PLATFORMS if platform in targets) or PLATFORMS,
                   failed_only=FAILED in targets,
                   reason=reason)
