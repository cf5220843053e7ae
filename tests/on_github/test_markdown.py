"""Which lines of a comment are commands, and what they ask for (docs/github.rst, "Comments")."""

from __future__ import annotations

import pytest
from support.rows import Rows

from mod_runs_api.github import CommentOutcome, CommentRefusal

from .conftest import Comment

pytestmark = pytest.mark.usefixtures('windows')

BOTH = ['linux', 'windows']

#: As long as a comment may be that is searched for commands.
LENGTH = 16384


def asked(outcome: CommentOutcome, rows: Rows) -> tuple[list[str], bool, str | None]:
    """Return what a comment has asked for: the platforms, whether only what failed, and the reason."""
    assert outcome.retries, outcome
    row = rows.retries[-1]
    return [retry.platform for retry in outcome.retries], row.failed_only, row.reason


LINES: dict[str, tuple[list[str], bool, str | None]] = {
    '/retry': (BOTH, False, None),
    '/retry failed': (BOTH, True, None),
    '/retry linux': (['linux'], False, None),
    '/retry windows': (['windows'], False, None),
    '/retry windows linux': (BOTH, False, None),
    '/retry linux failed because the VM froze': (['linux'], True, 'the VM froze'),
    '/retry failed windows': (['windows'], True, None),
    '/retry because linux failed': (BOTH, False, 'linux failed'),
    '/Retry LINUX Failed BECAUSE The VM': (['linux'], True, 'The VM'),
    '/retry linux linux failed failed': (['linux'], True, None),
    '/retry  \t linux \u00a0 ': (['linux'], False, None),
    '   /retry': (BOTH, False, None),
    '/retry because  it   is so because of me  ': (BOTH, False, 'it   is so because of me'),
    '/retry because `@bob` \U0001f480': (BOTH, False, '`@bob` \U0001f480'),
    '/retry because **the** _VM_ ~~froze~~': (BOTH, False, '**the** _VM_ ~~froze~~'),
    '/retry because 1 &lt; 2 \\* 3': (BOTH, False, '1 < 2 * 3'),
    '/retry because [the VM](http://x "y") froze': (BOTH, False, 'the VM froze'),
    '/retry because \0': (BOTH, False, '\ufffd'),
    '/retry because ' + '\U0001f480' * 255: (BOTH, False, '\U0001f480' * 255)}


def test_a_line_is_read_as_a_command(comment: Comment, rows: Rows) -> None:
    assert {line: asked(comment(line), rows) for line in LINES} == LINES


WRONG_WORDS = {
    'foo': 'foo', 'linux, windows': 'linux,', 'Failed Now': 'Now', 'macos': 'macos', 'because-of-me': 'because-of-me',
    'x' * 99: 'x' * 50, '`linux`': '`linux`', '~~linux~~': '~~linux~~', '![linux](x)': '![linux]',
    '<del>linux': '<del>linux'}
WRONG_LINES = {
    **{f'/retry {words}': f'I do not understand "{word}". Write /retry, followed by any of: linux, windows, failed, '
                          'because and a reason.' for words, word in WRONG_WORDS.items()},
    f'/retry because {"x" * 256}': 'The reason cannot be stored. Longer than maximum length 255.',
    '/retry because \ud800': 'The reason cannot be stored. Must be valid Unicode.',
    '/retry because ': 'There is no reason after "because".',
    '/retry because <!-- a -->': 'There is no reason after "because".'}


def test_a_line_that_is_no_valid_command_is_explained(comment: Comment, rows: Rows) -> None:
    assert {line: comment(line).refusals for line in WRONG_LINES} == {
        line: (CommentRefusal(None, None, message),) for line, message in WRONG_LINES.items()}
    assert rows.retries == []


def test_commands_are_done_in_their_order_whatever_ends_the_lines(comment: Comment) -> None:
    outcome = comment('Flaky again.\r\n/retry windows\r/retry nothing\n\nThanks!\n/retry linux')

    assert [retry.platform for retry in outcome.retries] == ['windows', 'linux']
    assert len(outcome.refusals) == 1


NO_COMMANDS = {
    'something else': [
        '', 'retry', '/ retry', '/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', 'Please /retry',
        '//retry', '\\\\/retry', '*/retry*', '**/retry**', '# /retry', '| /retry |', '- [ ] /retry', '- [x] /retry',
        '[/retry](https://example.com)', '[/retry][a]\n\n[a]: b', '~/retry~', '~~/retry~~', '<b>/retry</b>',
        '/restart'],
    'what ends no line of Markdown': ['a\u2028/retry', 'a\v/retry', 'a\f/retry', 'a\x85/retry'],
    'quotations': [
        '> /retry', '>/retry', '   > /retry', '>> /retry', '> a\n> /retry\n> b', '> a\n/retry', '> - a\n/retry',
        '- > a\n/retry', '> a\n> </blockquote>\n>\n> /retry', '> [!NOTE]\n> /retry',
        '<blockquote>\n\n/retry\n\n</blockquote>', 'a <q>\n/retry\n</q>'],
    'code': [
        '    /retry', 'a\n\n    /retry', '\t/retry',
        '```\n/retry\n```', '~~~\n/retry\n~~~', '   ```\n/retry\n   ```', '``` js\n/retry\n```', '~~~ `a`\n/retry\n~~~',
        '````\n```\n/retry\n````', '```\n~~~\n/retry\n```', '~~~~\n~~~\n/retry\n~~~~', '```\n``` js\n/retry\n```',
        '```\n    ```\n/retry\n```', '```\n/retry', '```\n\n\n/retry', '~~~\n```\n/retry', 'text\n```\n/retry\n```',
        '```\n> a\n/retry\n```', '- ```\n  /retry\n  ```', '- a\n\n  ```\n  /retry\n  ```',
        '1. ```\n   /retry\n\n   /retry', '-     /retry',
        '`/retry`', '``/retry``', '`a\n/retry\nb`', '``a ` b\n/retry\n``', '`\n/retry\n`', 'a ` b\n/retry\nc ` d',
        '<code>\n\n/retry\n\n</code>', 'a <code>\n/retry\n</code>', 'a <KBD class="b">\n/retry\n</KBD>',
        '<pre>\n/retry\n</pre>', '<PRE class="a">\n\n/retry\n</PRE>', '<script>\n/retry\n</script>'],
    'what is not shown': [
        '<!-- /retry -->', '<!--\n/retry\n-->', '<!--\n\n/retry\n-->', '<!--\n/retry', 'a <!--\n/retry\n--> b',
        '<!-- a\n--> /retry', '- <!--\n  /retry\n  -->', '<div>\n<!--\n\n/retry', '<div>\n<!-- a --><!-- b\n\n/retry',
        '<?\n/retry\n?>', 'a <?\n/retry\n?> b', '<![CDATA[\n/retry\n]]>', 'a <![CDATA[\n/retry\n]]> b',
        '<!X\n/retry\n>', 'a <!X\n/retry\nb>', 'a <b title="\n/retry\n">c</b>',
        '[a](b "\n/retry\n")', "[a](b '\n/retry\n')", '[a]: b "\n/retry\n"\n\n[a]', '[a]:\n/retry', '[\n/retry\n]: b',
        '![\n/retry\n](a)', '![a](b "\n/retry\n")', '![\n/retry\n][a]\n\n[a]: b', '[^1]: /retry'],
    'what is shown as something else': [
        '/retry\n===', '/retry\n---', 'a\n/retry\n---', '|a|\n|-|\n|/retry|', 'a|\n-|\n/retry', '[a\n/retry\nb](c)',
        '~a\n/retry\nb~', '~~a\n/retry\nb~~', 'a <del>\n/retry\n</del>', 'a <a href="b">\n/retry\nc</a>',
        '<h2>\n\n/retry\n\n</h2>', '<table><tr><td>\n\n/retry\n\n</td></tr></table>',
        '<details><summary>a</summary>\n\n/retry\n\n</details>', '<details>\n\n/retry', '<pretty>\n/retry',
        '<div>\n/retry\n</div>'],
}


@pytest.mark.parametrize('texts', NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_a_line_is_no_command_in(comment: Comment, rows: Rows, texts: list[str]) -> None:
    assert [text for text in texts if comment(text).ignored != 'The comment has no command.'] == []
    assert rows.retries == []


COMMANDS = {
    'beside them': [
        '```\na\n```\n/retry', '```\na\n`````  \n/retry', '~~~\na\n~~~\n/retry', '```\na\n   ```\n/retry',
        '``` a`b\n/retry', '``\n/retry', '~~\n/retry', '- ```\n  a\n  ```\n/retry', '- ```\n  a\n/retry',
        '> ```\n/retry', '> ```\n\n/retry', '> a\n\n/retry', '> <details>\n\n/retry', '> <!--\n\n/retry',
        'The `foo` test is flaky.\n/retry', 'a `b\n/retry', 'a ` b\n\n/retry\n\nc ` d', 'a ``b`\n/retry',
        'a \\` b\n/retry\nc ` d', 'a \\` b\n/retry\nc `` d',
        '- a ` b\n/retry\n- c ` d', '`a\\`\n/retry\n`', '# a `\n/retry\nb `',
        '<!-- a -->\n/retry', 'a <!-- b -->\n/retry', 'a <!-- b\n\n/retry\n-->', 'a \\<!-- b\n/retry\n-->',
        'a <!-- b\n/retry', '<div>\n<!-- a -->\n</div>\n\n/retry',
        'a <!-- ` --> b\n/retry\n`', '/retry <!-- a -->', '/retry <!-- a\nb -->', 'a -->\n/retry', '/retry <?a?>',
        '<pre>a</pre>\n/retry', '<details><summary>a</summary>\n\n```\nb\n```\n\n</details>\n\n/retry',
        '<details>\n<q>a\n</details>\n\n/retry', 'a <DEL>b</del>\n/retry',
        'a </del> b\n/retry', '![a](b)\n/retry', '[a](b)\n/retry', '~~a~~\n/retry',
        'A list<int> leaks.\n/retry', '<img src="a">\n\n/retry'],
    'shown as plain text': [
        '\\/retry', '&#47;retry', '/ret\\\nry\n/retry', 'a  \n/retry', 'a\\\n/retry', 'a\n      /retry',
        '- /retry', '* /retry', '+ /retry', '1. /retry', '- a\n/retry', '- a\n  /retry', '- a\n\n  /retry',
        '- a\n  - b\n    1. /retry', '**a\n/retry\nb**', '<div>\n\n/retry\n\n</div>', 'a\n\n/retry\n\nb',
        '# a\n/retry\n# b'],
}


@pytest.mark.parametrize('texts', COMMANDS.values(), ids=COMMANDS)
def test_a_line_is_a_command(comment: Comment, rows: Rows, texts: list[str]) -> None:
    def is_plain_command(text: str) -> bool:
        outcome = comment(text)
        return bool(outcome.retries) and asked(outcome, rows) == (BOTH, False, None)

    assert [text for text in texts if not is_plain_command(text)] == []


@pytest.mark.parametrize('text', [
    '![', '` `` ', '*a **b ', '<!--', '<![CDATA[', '> - ', '<div>\n' + '<!--' * 4_000,
    '![' * 2_300 + 'a' + '](b)' * 2_300, '\n'.join('>' * depth for depth in range(175)),
    '\n'.join('  ' * depth + '- a' for depth in range(100))], ids=lambda text: repr(text[:8]))
def test_a_comment_that_is_made_to_hang_a_parser_is_read(comment: Comment, rows: Rows, text: str) -> None:
    text = '/retry linux\n\na ' + text * ((LENGTH - 20) // len(text))

    assert asked(comment(text), rows) == (['linux'], False, None)
