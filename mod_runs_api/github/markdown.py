"""Which lines of a comment are read for commands (docs/github.rst, "Comments")."""

import re

from markdown_it import MarkdownIt

#: An unclosed one extends to the end. The first two forms are whole.
_HTML_COMMENT = re.compile(r'<!-->|<!--->|<!--.*?(?:-->|\Z)', re.DOTALL)


def find_visible_lines(comment: str) -> list[str]:
    """Return the lines of a comment, empty in code blocks, with a blank for each HTML comment."""
    # The parser counts these line ends, and no others that `str.splitlines` knows.
    lines = re.split(r'\r\n?|\n', comment)
    # Anybody can write a comment of 65,536 characters. The time grows in proportion, but not with block quotes: 16,000
    # characters of "> # a", "b" take seven seconds. They hide no line that begins with a command.
    parser = MarkdownIt('commonmark').disable(['inline', 'text_join', 'reference', 'blockquote'])
    for token in parser.parse(comment):
        if token.type in ('fence', 'code_block') and token.map:
            begin, end = token.map
            lines[begin:end] = [''] * (end - begin)
    return _HTML_COMMENT.sub(' ', '\n'.join(lines)).split('\n')
