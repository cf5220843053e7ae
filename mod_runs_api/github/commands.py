"""
The commands in a comment: which of its lines are the writer's own words, and what they ask for.

A command is a line of its own::

    /retry [linux] [windows] [failed] [because REASON]

Nothing here knows the database, or GitHub beyond its Markdown.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import InvalidFields
from ..host.models import PLATFORMS
from ..validation import load_retry_fields

#: Spaces before it are allowed as far as they do not make it code.
COMMAND = re.compile(r' {0,3}/retry(?:\s+(?P<words>.*))?', re.IGNORECASE)
BECAUSE = re.compile(r'(?<!\S)because(?!\S)', re.IGNORECASE)
FAILED = 'failed'

#: As much of a word as is repeated to the person who wrote it.
SHOWN_LENGTH = 50


@dataclass(frozen=True)
class Command:
    """
    A retry that a line asks for.

    Attributes
    ----------
    platforms : tuple of str
        Where: those that are named, or all.
    failed_only : bool
        Only what did not pass.
    reason : str or None
        Why.
    """

    platforms: tuple[str, ...]
    failed_only: bool
    reason: str | None


@dataclass(frozen=True)
class InvalidCommand:
    """
    A line that is meant as a command, but is none.

    Attributes
    ----------
    message : str
        Why not, for the person who wrote it. It may quote them.
    """

    message: str


def read(comment: str) -> list[Command | InvalidCommand]:
    """
    Read the commands in a comment, in their order.

    Parameters
    ----------
    comment : str
        Its Markdown.

    Returns
    -------
    list of Command or InvalidCommand
        Empty for all the comments that are about something else.
    """
    found = (COMMAND.fullmatch(line) for line in own_lines(comment))
    return [_understand(match['words'] or '') for match in found if match]


def _understand(words: str) -> Command | InvalidCommand:
    wish, *why = BECAUSE.split(words, maxsplit=1)
    for word in wish.split():
        if word.lower() not in (*PLATFORMS, FAILED):
            return InvalidCommand(f'I do not understand "{word[:SHOWN_LENGTH]}". Write /retry, and behind it any of: '
                                 f'{", ".join(PLATFORMS)}, {FAILED}, because and a reason.')
    reason = why[0].strip() if why else None
    if reason == '':
        return InvalidCommand('There is no reason behind "because".')
    # Refused and not cut: the reason is kept to the letter or not at all.
    try:
        load_retry_fields({} if reason is None else {'reason': reason})
    except InvalidFields as error:
        return InvalidCommand(f'The reason cannot be kept. {" ".join(error.details["fields"]["reason"])}')
    named = wish.lower().split()
    return Command(platforms=tuple(platform for platform in PLATFORMS if platform in named) or PLATFORMS,
                   failed_only=FAILED in named,
                   reason=reason)


# What follows is as much of CommonMark as it takes to tell the writer's own lines from code and quotations.

LINE_END = re.compile(r'\r\n|\n|\r')

#: What begins a block that may go on over empty lines: a fence, a comment, or HTML that is shown as it is. It may
#: stand in an item of a list.
OPENING = re.compile(r'''
    (?P<place> [ ]{0,3} (?: (?:[-+*] | [0-9]{1,9}[.)]) [ ]+ )* )
    (?: (?P<fence> `{3,} (?=[^`]*\Z) | ~{3,} ) | (?P<comment> <!--) | <(?:pre|script|style|textarea) (?=[\s>]|\Z) )
    ''', re.VERBOSE | re.IGNORECASE)
END_OF_COMMENT = re.compile('-->')
END_OF_HTML = re.compile('</(?:pre|script|style|textarea)>', re.IGNORECASE)

#: Lines that stand for themselves: a quotation, a heading, and an empty one.
APART = re.compile(r' {0,3}(?:>|#{1,6}(?:\s|\Z)|\s*\Z)')
#: An item of a list, which begins a paragraph.
ITEM = re.compile(r' {0,3}(?:[-+*]|[0-9]{1,9}[.)])\s')

#: In a paragraph: what is escaped, what may begin a span of code, and what may begin a comment.
TOKEN = re.compile(r'\\[\\`<]|`+|<!--')


def own_lines(comment: str) -> Iterator[str]:
    """
    Give the lines of a comment that are its writer's own words: no code, no quotation, nothing that is not shown.

    A line without a ``>`` is no quotation, also where Markdown shows it in the one above.

    Parameters
    ----------
    comment : str
        Its Markdown.

    Yields
    ------
    str
        A line. A span of code that goes over several lines makes them one.
    """
    paragraph: list[str] = []
    block: _Block | None = None
    for line in LINE_END.split(comment):
        if block is not None and block.holds(line):
            if block.end.search(line):
                block = None
            continue
        block = None
        opening = OPENING.match(line.expandtabs(4))
        if opening:
            block = _Block.opened_by(opening)
        apart = opening or APART.match(line)
        if apart or ITEM.match(line):
            yield from _shown(paragraph)
            paragraph = []
        if not apart:
            paragraph.append(line)
    yield from _shown(paragraph)


@dataclass(frozen=True)
class _Block:
    """
    A block of lines that are not the writer's own.

    Attributes
    ----------
    end : re.Pattern
        What its last line has.
    indentation : int
        How far its lines are indented at the least, because it stands in an item of a list.
    """

    end: re.Pattern[str]
    indentation: int

    @classmethod
    def opened_by(cls, opening: re.Match[str]) -> _Block | None:
        """Give the block that a line opens; None where the same line ends it."""
        indentation = len(opening['place']) if opening['place'].strip() else 0
        fence = opening['fence']
        if fence:
            return cls(re.compile(rf'\A {{0,{indentation + 3}}}{fence[0]}{{{len(fence)},}}[ \t]*\Z'), indentation)
        end = END_OF_COMMENT if opening['comment'] else END_OF_HTML
        return None if end.search(opening.string) else cls(end, indentation)

    def holds(self, line: str) -> bool:
        """Say whether a line belongs to the block, as far as its indentation goes."""
        text = line.expandtabs(4)
        return not text.strip() or len(text) - len(text.lstrip(' ')) >= self.indentation


def _shown(paragraph: Iterable[str]) -> list[str]:
    """Give the lines of a paragraph as they are shown: without comments, and with no line that begins within code."""
    text = '\n'.join(paragraph)
    runs: defaultdict[int, list[int]] = defaultdict(list)
    for run in re.finditer('`+', text):
        runs[len(run[0])].append(run.start())

    shown: list[str] = []
    place, last_end = 0, text.rfind('-->')
    for token in TOKEN.finditer(text):
        if token.start() < place or token[0].startswith('\\'):
            continue
        if token[0] == '<!--':
            if token.end() <= last_end:
                shown.append(text[place:token.start()])
                place = text.find('-->', token.end()) + len('-->')
        else:
            # The next run of as many backticks ends the code; where there is none, these are only backticks.
            same = runs[len(token[0])]
            following = bisect_left(same, token.end())
            if following < len(same):
                end = same[following] + len(token[0])
                shown += [text[place:token.start()], text[token.start():end].replace('\n', ' ')]
                place = end
    shown.append(text[place:])
    return ''.join(shown).split('\n')
