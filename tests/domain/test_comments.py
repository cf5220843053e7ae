"""The lines of a comment that are commands, and what they ask for (docs/github.rst, "Comments")."""

import sys

import pytest

from mod_runs_api.domain.comments import Command, InvalidCommand, read_commands

BOTH = ['linux', 'windows']

#: By the line the platforms, whether the line names them, whether only failed tests, and the reason.
LINES = {
    '/retry': (BOTH, False, False, None),
    '/retry failed': (BOTH, False, True, None),
    '/retry linux': (['linux'], True, False, None),
    '/retry windows linux failed': (BOTH, True, True, None),
    '/retry failed windows': (['windows'], True, True, None),
    '/retry linux linux failed failed': (['linux'], True, True, None),
    '/retry  \t linux  ': (['linux'], True, False, None),
    '/retry\tlinux': (['linux'], True, False, None),
    '/retry\xa0linux\u3000failed because\xa0so': (['linux'], True, True, 'so'),
    '/retry <!-- not windows --> linux': (['linux'], True, False, None),
    '/Retry LINUX Failed BECAUSE The VM': (['linux'], True, True, 'The VM'),
    '/retry because linux failed': (BOTH, False, False, 'linux failed'),
    '/retry because  it   is so because of me  ': (BOTH, False, False, 'it   is so because of me'),
    '/retry because **the** `VM` &lt;froze \U0001f480': (BOTH, False, False, '**the** `VM` &lt;froze \U0001f480'),
}


def test_a_line_asks_for_platforms_for_what_failed_and_for_a_reason():
    for line, (platforms, is_named, failed_only, reason) in LINES.items():
        assert read_commands(line) == [Command(platform, failed_only, reason, is_named) for platform in platforms], line


#: By the explanation the lines.
WRONG = {
    'Write /retry, followed by any of: linux, windows, failed, because and a reason.': [
        '/retry lniux', '/retry linux, windows', '/retry failed now', '/retry because-of-me', '/retry l\0nux'],
    'There is no reason after "because".': ['/retry because', '/retry linux because ']}


def test_a_line_that_is_no_valid_command_is_explained():
    for explanation, lines in WRONG.items():
        for line in lines:
            wrong, = read_commands(line)
            assert isinstance(wrong, InvalidCommand) and wrong.message.endswith(explanation), line


NO_COMMANDS = {
    'does not begin with it': [
        '', 'retry', '/ retry', '\xa0/retry', '//retry', 'Please /retry', ' /retry', '    /retry', '\t/retry',
        '> /retry', '>/retry', '- /retry', '**/retry**', '`/retry`', '[/retry](https://example.com)', '/restart'],
    'goes on without a blank': ['/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', '/retry.'],
    'stands in fenced code': [
        '```\n/retry\n```', '~~~\n/retry\n~~~', '``` js\n/retry\n```', 'text\n```\n/retry\n```', '```\n/retry',
        '```\n\n\n/retry', '~~~\n```\n/retry', '```\n~~~\n/retry\n```', '````\n```\n/retry\n````',
        '```\n<!--\n/retry\n-->\n```', '```\r\n/retry\r\n```', '~~~ `a`\n/retry', '```\n``` js\n/retry',
        '   ```\n/retry', '```\n/retry\n    ```\n/retry',
        # After a list, or beside one.
        '- a\n```\n/retry', '- a\n\n```\n/retry\n```', '1. a\n  ```\n/retry', '-```\n```\n/retry',
        '- ```\n```\n/retry', '```\n- ```\n/retry', '    - a\n  ```\n/retry'],
    'stands in an HTML comment': [
        '<!-- /retry -->', '<!--\n/retry\n-->', '<!--\n\n/retry\n-->', '<!--\n/retry', 'a <!--\n/retry\n--> b',
        '<!-- a -->\n<!--\n/retry\n-->', '<!--\n```\n/retry\n-->', '<!-- a -->/retry'],
}


@pytest.mark.parametrize('texts', NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_a_line_is_no_command_that(texts):
    assert [text for text in texts if read_commands(text)] == []


@pytest.mark.parametrize('text', [
    'a\n\n/retry\n\nb', 'a\r\n/retry\r\nb', '> a\n/retry', '- a\n/retry', '# a\n/retry\n# b', 'a `b\n/retry',
    '```\na\n```\n/retry', '~~~\na\n~~~\n/retry', '```\na\n`````  \n/retry', '```\n<!--\n```\n/retry', '```a`\n/retry',
    '    ```\n/retry', '``\n/retry',
    # A fence in an item of a list ends with the item at the latest.
    '- ```\n  a\n  ```\n/retry', '- ```\n/retry', '* ~~~\n\n  a\n/retry', '+ ```\n  <!--\n  ```\n/retry',
    '-        a\n  ```\n  b\n/retry', '-    \n  ```\n  b\n/retry',
    '12) ```\n    a\n/retry', '- - ```\n    a\n    ```\n/retry', '- a\n  ```\n  b\n/retry',
    '- a\n  1. b\n\n     ```\n     c\n/retry', '- a\n  ```\n  b\n  ```\n  c\n/retry',
    '<!- a\n/retry', '<!-- a -->\n/retry', 'a <!-- b -->\n/retry',
    '<!--\n```\n-->\n/retry', 'a -->\n/retry', '/retry\n```\na',
    # As on GitHub, these two are whole.
    '<!-->\n/retry', '<!--->\n/retry'])
def test_a_line_is_a_command_beside_all_that(text):
    assert read_commands(text) == read_commands('/retry') != []


def count_steps(comment):
    """Return the number of characters that reading a comment looks at: of a string, all for each of its methods."""
    steps = 0

    def note(_frame, event, called):
        nonlocal steps
        if event == 'c_call':
            steps += 1 + len(called.__self__) if isinstance(called.__self__, str) else 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        read_commands(comment)
    finally:
        sys.setprofile(before)
    return steps


#: Beginnings, and the part that is repeated after each.
HOSTILE = {
    '': ['`', '~', '~~~\n', '- ', '1. ', '- ```\n', '- a\n  ```\n', '```a`\n', '``` `',
         '<!--', '<!--\n', '<!---->', '-->', 'a<!--\n-->', ' ', '   \n', '\n', '\r',
         '/retry\n', '/retry x\n', '/retry because x\n'],
    '`` x`\n': ['`'],
    '/retry': [' linux', ' because', '\t']}


@pytest.mark.parametrize(('beginning', 'part'), [(beginning, part) for beginning in HOSTILE
                                                 for part in HOSTILE[beginning]])
def test_reading_takes_time_in_proportion_to_the_length(beginning, part):
    # Without regular expressions, which tests/test_import_graph.py keeps out of the domain, this counts everything.
    short, long = (count_steps(beginning + part * (length // len(part))) for length in (2_000, 20_000))

    assert long < 11 * short
    assert long < 25 * 20_000
