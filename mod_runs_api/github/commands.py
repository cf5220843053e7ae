"""
The commands in a comment on GitHub (docs/github.rst): ``/retry [linux] [windows] [failed] [because REASON]``.

A line counts where GitHub shows it as plain text in a paragraph or in an item of a list: not in a quotation, in code,
in a heading, in a table or in a link, not struck out or folded away, and not as a part of HTML, which has no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InvalidFields
from ..host.models import PLATFORMS
from ..validation import load_retry_fields

if TYPE_CHECKING:
    from markdown_it.token import Token

COMMAND = re.compile(r'/retry(?:\s+(?P<words>.*))?', re.IGNORECASE)
BECAUSE = re.compile(r'(?<!\S)because(?!\S)', re.IGNORECASE)
FAILED = 'failed'

#: As much of an unknown word as is quoted to its writer.
QUOTED_LENGTH = 50

#: The HTML whose content is not the writer's plain text. GitHub drops most other tags, such as that of "vector<int>".
#: A comment that does not end in its block hides everything below.
HTML_TAG = re.compile(
    r'<!--.*?(?:-->|(?P<hidden>\Z))'
    r'|<(?P<end>/?)(?P<name>a|blockquote|code|del|details|h[1-6]|kbd|pre|q|s|samp|strike|table|tt|var)(?=[\s/>])',
    re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """A retry that a line asks for: on the platforms that it names or on all, of everything or of what failed."""

    platforms: tuple[str, ...]
    failed_only: bool
    reason: str | None


@dataclass(frozen=True)
class InvalidCommand:
    """A line that starts like a command but is not a valid one. The message says why, and may quote the writer."""

    message: str


def read_commands(comment: str) -> list[Command | InvalidCommand]:
    """Return the commands in a comment's Markdown, in their order."""
    matches = (COMMAND.fullmatch(line) for line in _plain_lines(comment))
    return [_read_words(match['words'] or '') for match in matches if match]


def _read_words(words: str) -> Command | InvalidCommand:
    before, *after = BECAUSE.split(words, maxsplit=1)
    targets = before.lower().split()
    for target, word in zip(targets, before.split()):
        if target not in (*PLATFORMS, FAILED):
            return InvalidCommand(f'I do not understand "{word[:QUOTED_LENGTH]}". Write /retry, followed by any of: '
                                  f'{", ".join(PLATFORMS)}, {FAILED}, because and a reason.')
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


def _plain_lines(comment: str) -> Iterator[str]:
    """Yield the lines that begin as plain text, as GitHub shows them; marks of emphasis and code are kept."""
    # An optional dependency.
    from markdown_it import MarkdownIt

    parser = MarkdownIt('commonmark', {'strikethrough_single_tilde': True}).enable(['strikethrough', 'table'])
    open_html: list[str] = []
    quotations = 0
    in_paragraph = False
    for token in parser.parse(comment):
        if token.tag == 'blockquote':
            quotations += token.nesting
        # HTML within a quotation ends with it, and could not end the quotation here either.
        elif not quotations:
            if token.type == 'html_block':
                _follow_html(token.content, open_html)
            elif token.type == 'inline' and in_paragraph:
                yield from _plain_lines_of_paragraph(token.children or [], open_html)
        in_paragraph = token.type == 'paragraph_open'


def _plain_lines_of_paragraph(tokens: Sequence[Token], open_html: list[str]) -> Iterator[str]:
    line, is_plain, marked = '', False, 0
    for token in tokens:
        # GitHub shows every line break of a comment.
        if token.type in ('softbreak', 'hardbreak'):
            if is_plain:
                yield line
            line = ''
            continue
        if token.type == 'html_inline':
            _follow_html(token.content, open_html)
        if token.tag in ('a', 's'):
            marked += token.nesting
        text = _shown_text(token)
        if not line and text:
            is_plain = token.type == 'text' and not marked and not open_html
        line += text
    if is_plain:
        yield line


def _shown_text(token: Token) -> str:
    if token.type == 'code_inline':
        return f'{token.markup}{token.content}{token.markup}'
    if token.type == 'image':
        return f'![{token.content}]'
    if token.type == 'html_inline':
        # Comments, declarations, CDATA and processing instructions are not shown.
        return '' if token.content.startswith(('<!', '<?')) else token.content
    if token.tag in ('em', 'strong', 's'):
        return token.markup
    return token.content


def _follow_html(html: str, open_html: list[str]) -> None:
    """Note which elements the HTML opens, and which it closes with all that they contain."""
    for tag in HTML_TAG.finditer(html):
        name = '<!--' if tag['hidden'] is not None else (tag['name'] or '').lower()
        if name and not tag['end']:
            open_html.append(name)
        elif name in open_html:
            del open_html[open_html.index(name):]
