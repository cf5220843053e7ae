"""The lines that are commands, and what they ask for (docs/github.rst, "Comments")."""

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
    '/Retry LINUX Failed BECAUSE The VM': (['linux'], True, True, 'The VM'),
    '/retry because linux failed': (BOTH, False, False, 'linux failed'),
    '/retry because  it   is so because of me  ': (BOTH, False, False, 'it   is so because of me'),
    '/retry because **the** `VM` &lt;froze \U0001f480': (BOTH, False, False, '**the** `VM` &lt;froze \U0001f480'),
}


def test_a_line_asks_for_platforms_for_what_failed_and_for_a_reason():
    for line, (platforms, is_named, failed_only, reason) in LINES.items():
        assert read_commands([line]) == [
            Command(platform, failed_only, reason, is_named) for platform in platforms], line


#: By the explanation the lines.
WRONG = {
    'Write /retry, followed by any of: linux, windows, failed, because and a reason.': [
        '/retry lniux', '/retry linux, windows', '/retry failed now', '/retry because-of-me', '/retry l\0nux'],
    'There is no reason after "because".': ['/retry because', '/retry linux because ']}


def test_a_line_that_is_no_valid_command_is_explained():
    for explanation, lines in WRONG.items():
        for line in lines:
            wrong, = read_commands([line])
            assert isinstance(wrong, InvalidCommand) and wrong.message.endswith(explanation), line


NO_COMMANDS = {
    'does not begin with it': [
        '', 'retry', '/ retry', '\xa0/retry', '//retry', 'Please /retry', ' /retry', '    /retry', '\t/retry',
        '> /retry', '>/retry', '- /retry', '**/retry**', '`/retry`', '[/retry](https://example.com)', '/restart'],
    'goes on without a blank': ['/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', '/retry.'],
}


@pytest.mark.parametrize('lines', NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_a_line_is_no_command_that(lines):
    assert [line for line in lines if read_commands([line])] == []
