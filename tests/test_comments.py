"""Which lines of a comment are commands, and what they ask for."""

from __future__ import annotations

import time

import pytest

from mod_runs_api.github.commands import Command, InvalidCommand, read

BOTH = ('linux', 'windows')
PLAIN = Command(BOTH, False, None)


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
])
def test_a_line_is_a_command(line: str, command: Command) -> None:
    assert read(line) == [command]


@pytest.mark.parametrize('line', [
    '', 'retry', '/ retry', '/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', 'Please /retry',
    '//retry', '\\/retry', '*/retry*', '- /retry', '* /retry', '1. /retry',
    '# /retry', '| /retry |', '<b>/retry</b>', '/restart'])
def test_a_line_about_something_else_is_no_command(line: str) -> None:
    assert read(line) == []


@pytest.mark.parametrize(('line', 'word'), [
    ('/retry foo', 'foo'), ('/retry linux, windows', 'linux,'), ('/retry Failed Now', 'Now'), ('/retry macos', 'macos'),
    ('/retry because-of-me', 'because-of-me'), ('/retry ' + 'x' * 99, 'x' * 50)])
def test_a_word_that_means_nothing_is_explained(line: str, word: str) -> None:
    assert read(line) == [InvalidCommand(f'I do not understand "{word}". Write /retry, and behind it any of: linux, '
                                        f'windows, failed, because and a reason.')]


def test_a_reason_has_at_most_255_characters() -> None:
    assert read('/retry because ' + '\U0001f480' * 255) == [Command(BOTH, False, '\U0001f480' * 255)]
    assert read(f'/retry because {"x" * 256}') == [
        InvalidCommand('The reason cannot be kept. Longer than maximum length 255.')]


@pytest.mark.parametrize(('reason', 'message'), [
    ('\0', 'The reason cannot be kept. Must not contain NUL.'),
    ('\ud800', 'The reason cannot be kept. Must be valid Unicode.'),
    ('', 'There is no reason behind "because".')])
def test_a_reason_that_is_none_is_explained(reason: str, message: str) -> None:
    assert read(f'/retry because {reason}') == [InvalidCommand(message)]


def test_every_line_is_read_in_its_order() -> None:
    assert read('Flaky again.\r\n/retry linux\r/retry nothing\n\nThanks!\n/retry windows') == [
        Command(('linux',), False, None), InvalidCommand(
            'I do not understand "nothing". Write /retry, and behind it any of: linux, windows, failed, because and a '
            'reason.'), Command(('windows',), False, None)]


@pytest.mark.parametrize('comment', ['a\u2028/retry', 'a\v/retry', 'a\f/retry', 'a\x85/retry'])
def test_only_ends_of_lines_end_a_line(comment: str) -> None:
    assert read(comment) == []


@pytest.mark.parametrize('comment', [
    '> /retry', '>/retry', '   > /retry', '>> /retry', '> a\n> /retry\n> b',
    '    /retry', 'a\n\n    /retry', '\t/retry',
    '```\n/retry\n```', '~~~\n/retry\n~~~', '   ```\n/retry\n   ```', '``` js\n/retry\n```', '~~~ `a`\n/retry\n~~~',
    '````\n```\n/retry\n````', '```\n~~~\n/retry\n```', '~~~~\n~~~\n/retry\n~~~~', '```\n``` js\n/retry\n```',
    '```\n    ```\n/retry\n```', '```\n/retry', '```\n\n\n/retry', '~~~\n```\n/retry', 'text\n```\n/retry\n```',
    '```\n> a\n/retry\n```', '- ```\n  /retry\n  ```', '- a\n\n  ```\n  /retry\n  ```',
    '1. ```\n   /retry\n\n   /retry',
    '`/retry`', '``/retry``', '`a\n/retry\nb`', '``a ` b\n/retry\n``', '`\n/retry\n`', 'a ` b\n/retry\nc ` d',
    '<!-- /retry -->', '<!--\n/retry\n-->', '<!--\n\n/retry\n-->', '<!--\n/retry', 'a <!--\n/retry\n--> b',
    '<!-- a\n--> /retry', '- <!--\n  /retry\n  -->',
    '<pre>\n/retry\n</pre>', '<PRE class="a">\n\n/retry\n</PRE>', '<script>\n/retry\n</script>',
])
def test_what_is_quoted_hidden_or_code_is_no_command(comment: str) -> None:
    assert read(comment) == []


@pytest.mark.parametrize('comment', [
    '```\na\n```\n/retry', '```\na\n`````  \n/retry', '~~~\na\n~~~\n/retry', '```\na\n   ```\n/retry',
    '``` a`b\n/retry', '``\n/retry', '~~\n/retry', '- ```\n  a\n  ```\n/retry', '- ```\n  a\n/retry',
    '> a\n/retry', '> ```\n/retry', '> ```\n\n/retry', '> a\n\n/retry',
    'The `foo` test is flaky.\n/retry', 'a `b\n/retry', 'a ` b\n\n/retry\n\nc ` d', 'a ``b`\n/retry',
    'a \\` b\n/retry\nc ` d', 'a \\` b\n/retry\nc `` d',
    '- a ` b\n/retry\n- c ` d', '`a\\`\n/retry\n`', '# a `\n/retry\nb `',
    '<!-- a -->\n/retry', 'a <!-- b -->\n/retry', 'a <!-- b\n\n/retry\n-->', 'a \\<!-- b\n/retry\n-->',
    'a <!-- b\n/retry',
    'a <!-- ` --> b\n/retry\n`', '/retry <!-- a -->', '/retry <!-- a\nb -->', 'a -->\n/retry',
    '<pre>a</pre>\n/retry', '<pretty>\n/retry', '- a\n/retry',
])
def test_what_stands_beside_them_is_a_command(comment: str) -> None:
    assert read(comment) == [PLAIN]


@pytest.mark.parametrize('comment', [
    '/retry' + ' ' * 65_000 + 'x', 'a ' + '<!--' * 16_000, 'a <!-- b --> ' * 5_000, 'a ' + '` `` ' * 13_000,
    'a ' + ' '.join('`' * n for n in range(1, 360)), '\n'.join('`' * n for n in range(360, 3, -1)), '- ' * 32_000,
    '\\' * 65_000, '/retry ' + 'because ' * 8_000, '```' + '`' * 65_000 + 'x', '\n' * 65_000, '\t' * 65_000])
def test_a_comment_that_is_made_to_be_slow_is_not(comment: str) -> None:
    started = time.process_time()

    read(comment)

    assert time.process_time() - started < 5
