"""Which lines of a comment are commands, and what they ask for."""

from __future__ import annotations

import pytest

from mod_runs_api.github.commands import Command, InvalidCommand, read_commands

BOTH = ('linux', 'windows')
PLAIN = Command(BOTH, False, None)

#: As long as a comment on GitHub can be.
LENGTH = 65536


def not_understood(word: str) -> InvalidCommand:
    return InvalidCommand(f'I do not understand "{word}". Write /retry, followed by any of: linux, windows, failed, '
                          'because and a reason.')


@pytest.mark.parametrize(('line', 'command'), [
    ('/retry', PLAIN),
    ('/retry failed', Command(BOTH, True, None)),
    ('/retry linux', Command(('linux',), False, None)),
    ('/retry windows', Command(('windows',), False, None)),
    ('/retry windows linux', PLAIN),
    ('/retry linux failed because the VM froze', Command(('linux',), True, 'the VM froze')),
    ('/retry failed windows', Command(('windows',), True, None)),
    ('/retry because linux failed', Command(BOTH, False, 'linux failed')),
    ('/Retry LINUX Failed BECAUSE The VM', Command(('linux',), True, 'The VM')),
    ('/retry linux linux failed failed', Command(('linux',), True, None)),
    ('/retry  \t linux \u00a0 ', Command(('linux',), False, None)),
    ('   /retry', PLAIN),
    ('/retry because  it   is so because of me  ', Command(BOTH, False, 'it   is so because of me')),
    ('/retry because `@bob` \U0001f480', Command(BOTH, False, '`@bob` \U0001f480')),
    ('/retry because **the** _VM_ ~~froze~~', Command(BOTH, False, '**the** _VM_ ~~froze~~')),
    ('/retry because 1 &lt; 2 \\* 3', Command(BOTH, False, '1 < 2 * 3')),
    ('/retry because [the VM](http://x "y") froze', Command(BOTH, False, 'the VM froze')),
])
def test_a_line_is_read_as_a_command(line: str, command: Command) -> None:
    assert read_commands(line) == [command]


@pytest.mark.parametrize('line', [
    '', 'retry', '/ retry', '/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', 'Please /retry',
    '//retry', '\\\\/retry', '*/retry*', '**/retry**', '# /retry', '| /retry |', '- [ ] /retry', '- [x] /retry',
    '[/retry](https://example.com)', '[/retry][a]\n\n[a]: b', '~/retry~', '~~/retry~~', '<b>/retry</b>', '/restart'])
def test_a_line_about_something_else_is_no_command(line: str) -> None:
    assert read_commands(line) == []


@pytest.mark.parametrize(('line', 'word'), [
    ('/retry foo', 'foo'), ('/retry linux, windows', 'linux,'), ('/retry Failed Now', 'Now'), ('/retry macos', 'macos'),
    ('/retry because-of-me', 'because-of-me'), ('/retry ' + 'x' * 99, 'x' * 50), ('/retry `linux`', '`linux`'),
    ('/retry ~~linux~~', '~~linux~~'), ('/retry ![linux](x)', '![linux]'), ('/retry <del>linux', '<del>linux')])
def test_an_unknown_word_is_an_invalid_command(line: str, word: str) -> None:
    assert read_commands(line) == [not_understood(word)]


def test_a_reason_has_at_most_255_characters() -> None:
    assert read_commands('/retry because ' + '\U0001f480' * 255) == [Command(BOTH, False, '\U0001f480' * 255)]
    assert read_commands(f'/retry because {"x" * 256}') == [
        InvalidCommand('The reason cannot be stored. Longer than maximum length 255.')]


@pytest.mark.parametrize(('reason', 'message'), [
    ('\ud800', 'The reason cannot be stored. Must be valid Unicode.'),
    ('', 'There is no reason after "because".'),
    ('<!-- a -->', 'There is no reason after "because".')])
def test_a_reason_that_cannot_be_kept_is_an_invalid_command(reason: str, message: str) -> None:
    assert read_commands(f'/retry because {reason}') == [InvalidCommand(message)]


def test_commands_are_returned_in_their_order() -> None:
    assert read_commands('Flaky again.\r\n/retry linux\r/retry nothing\n\nThanks!\n/retry windows') == [
        Command(('linux',), False, None), not_understood('nothing'), Command(('windows',), False, None)]


@pytest.mark.parametrize('comment', ['a\u2028/retry', 'a\v/retry', 'a\f/retry', 'a\x85/retry'])
def test_only_line_ends_of_markdown_end_a_line(comment: str) -> None:
    assert read_commands(comment) == []


@pytest.mark.parametrize('comment', [
    '> /retry', '>/retry', '   > /retry', '>> /retry', '> a\n> /retry\n> b', '> a\n/retry', '> - a\n/retry',
    '- > a\n/retry', '> a\n> </blockquote>\n>\n> /retry', '> [!NOTE]\n> /retry',
    '<blockquote>\n\n/retry\n\n</blockquote>', 'a <q>\n/retry\n</q>',
])
def test_a_quotation_is_no_command(comment: str) -> None:
    assert read_commands(comment) == []


@pytest.mark.parametrize('comment', [
    '    /retry', 'a\n\n    /retry', '\t/retry',
    '```\n/retry\n```', '~~~\n/retry\n~~~', '   ```\n/retry\n   ```', '``` js\n/retry\n```', '~~~ `a`\n/retry\n~~~',
    '````\n```\n/retry\n````', '```\n~~~\n/retry\n```', '~~~~\n~~~\n/retry\n~~~~', '```\n``` js\n/retry\n```',
    '```\n    ```\n/retry\n```', '```\n/retry', '```\n\n\n/retry', '~~~\n```\n/retry', 'text\n```\n/retry\n```',
    '```\n> a\n/retry\n```', '- ```\n  /retry\n  ```', '- a\n\n  ```\n  /retry\n  ```',
    '1. ```\n   /retry\n\n   /retry', '-     /retry',
    '`/retry`', '``/retry``', '`a\n/retry\nb`', '``a ` b\n/retry\n``', '`\n/retry\n`', 'a ` b\n/retry\nc ` d',
    '<code>\n\n/retry\n\n</code>', 'a <code>\n/retry\n</code>', 'a <KBD class="b">\n/retry\n</KBD>',
    '<pre>\n/retry\n</pre>', '<PRE class="a">\n\n/retry\n</PRE>', '<script>\n/retry\n</script>',
])
def test_code_is_no_command(comment: str) -> None:
    assert read_commands(comment) == []


@pytest.mark.parametrize('comment', [
    '<!-- /retry -->', '<!--\n/retry\n-->', '<!--\n\n/retry\n-->', '<!--\n/retry', 'a <!--\n/retry\n--> b',
    '<!-- a\n--> /retry', '- <!--\n  /retry\n  -->', '<div>\n<!--\n\n/retry', '<div>\n<!-- a --><!-- b\n\n/retry',
    '<?\n/retry\n?>', 'a <?\n/retry\n?> b', '<![CDATA[\n/retry\n]]>', 'a <![CDATA[\n/retry\n]]> b',
    '<!X\n/retry\n>', 'a <!X\n/retry\nb>', 'a <b title="\n/retry\n">c</b>',
    '[a](b "\n/retry\n")', "[a](b '\n/retry\n')", '[a]: b "\n/retry\n"\n\n[a]', '[a]:\n/retry', '[\n/retry\n]: b',
    '![\n/retry\n](a)', '![a](b "\n/retry\n")', '![\n/retry\n][a]\n\n[a]: b', '[^1]: /retry',
])
def test_what_is_not_shown_is_no_command(comment: str) -> None:
    assert read_commands(comment) == []


@pytest.mark.parametrize('comment', [
    '/retry\n===', '/retry\n---', 'a\n/retry\n---', '|a|\n|-|\n|/retry|', 'a|\n-|\n/retry', '[a\n/retry\nb](c)',
    '~a\n/retry\nb~', '~~a\n/retry\nb~~', 'a <del>\n/retry\n</del>', 'a <a href="b">\n/retry\nc</a>',
    '<h2>\n\n/retry\n\n</h2>',
    '<table><tr><td>\n\n/retry\n\n</td></tr></table>', '<details><summary>a</summary>\n\n/retry\n\n</details>',
    '<details>\n\n/retry', '<pretty>\n/retry', '<div>\n/retry\n</div>',
])
def test_what_is_shown_as_something_else_is_no_command(comment: str) -> None:
    assert read_commands(comment) == []


@pytest.mark.parametrize('comment', [
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
    'A list<int> leaks.\n/retry', '<img src="a">\n\n/retry',
])
def test_a_line_beside_them_is_a_command(comment: str) -> None:
    assert read_commands(comment) == [PLAIN]


@pytest.mark.parametrize('comment', [
    '\\/retry', '&#47;retry', '/ret\\\nry\n/retry', 'a  \n/retry', 'a\\\n/retry', 'a\n      /retry',
    '- /retry', '* /retry', '+ /retry', '1. /retry', '- a\n/retry', '- a\n  /retry', '- a\n\n  /retry',
    '- a\n  - b\n    1. /retry', '**a\n/retry\nb**', '<div>\n\n/retry\n\n</div>', 'a\n\n/retry\n\nb',
    '# a\n/retry\n# b',
])
def test_a_line_that_is_shown_as_plain_text_is_a_command(comment: str) -> None:
    assert read_commands(comment) == [PLAIN]


def test_a_nul_is_shown_as_a_replacement_character() -> None:
    assert read_commands('/retry because \0') == [Command(BOTH, False, '\ufffd')]


@pytest.mark.parametrize('comment', [
    '![', '` `` ', '*a **b ', '<!--', '<![CDATA[', '> - ', '<div>\n' + '<!--' * 16_000,
    '![' * 9_000 + 'a' + '](b)' * 9_000, '\n'.join('>' * depth for depth in range(350)),
    '\n'.join('  ' * depth + '- a' for depth in range(200))], ids=lambda comment: repr(comment[:8]))
def test_a_comment_that_is_made_to_hang_a_parser_is_read(comment: str) -> None:
    comment = '/retry linux\n\na ' + comment * (LENGTH // len(comment))

    assert read_commands(comment) == [Command(('linux',), False, None)]
