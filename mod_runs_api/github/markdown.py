"""Which lines of a comment are read for commands (docs/github.rst, "Comments")."""

import re

from markdown_it import MarkdownIt

#: GitHub shows text in this element as code.
_PRE = re.compile(r'<pre[\s>]', re.IGNORECASE)
#: An HTML comment. ``<!-->`` and ``<!--->`` are whole, as on GitHub. An unclosed comment extends to the end.
_HTML_COMMENT = re.compile(r'<!-->|<!--->|<!--.*?(?:-->|\Z)', re.DOTALL)


def find_visible_lines(comment: str) -> list[str]:
    """Return the lines of a comment outside code blocks and HTML comments. A hidden line may remain as an empty one."""
    # The parser counts these line ends, and no others that `str.splitlines` knows.
    lines = re.split(r'\r\n?|\n', comment)
    # Anybody can write a comment of 65,536 characters. Inline text and references hide no line, and their rules take a
    # second. Block quotes hide no command, and take quadratic time: seven seconds for 16,000 characters of "> # a" and
    # "b" in turn.
    parser = MarkdownIt('commonmark').disable(['inline', 'text_join', 'reference', 'blockquote'])
    for token in parser.parse(comment):
        is_code = token.type in ('fence', 'code_block') or token.type == 'html_block' and _PRE.search(token.content)
        if is_code and token.map:
            begin, end = token.map
            lines[begin:end] = [''] * (end - begin)
    return _HTML_COMMENT.sub(' ', '\n'.join(lines)).split('\n')
