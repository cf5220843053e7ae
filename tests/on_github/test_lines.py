"""Which lines of a comment are commands, and what they ask for (docs/github.rst, "Comments")."""

import pytest
from mod_test.models import Test
from support.rows import Rows

from mod_runs_api.domain.comments import Command
from mod_runs_api.github.commands import InvalidCommand, read_commands

from .conftest import Comment

Asked = tuple[list[str], bool, str | None]

#: By the line the platforms, whether only what failed, and the reason.
LINES: dict[str, Asked] = {
    '/retry': (['linux', 'windows'], False, None),
    '/retry failed': (['linux', 'windows'], True, None),
    '/retry linux': (['linux'], False, None),
    '/retry windows linux failed': (['linux', 'windows'], True, None),
    '/retry failed windows': (['windows'], True, None),
    '/retry linux linux failed failed': (['linux'], True, None),
    '/retry  \t linux  ': (['linux'], False, None),
    '/retry\tlinux': (['linux'], False, None),
    '/Retry LINUX Failed BECAUSE The VM': (['linux'], True, 'The VM'),
    '/retry because linux failed': (['linux', 'windows'], False, 'linux failed'),
    '/retry because  it   is so because of me  ': (['linux', 'windows'], False, 'it   is so because of me'),
    '/retry because **the** `VM` &lt;froze \U0001f480': (
        ['linux', 'windows'], False, '**the** `VM` &lt;froze \U0001f480'),
    '/retry because ' + '\U0001f480' * 255: (['linux', 'windows'], False, '\U0001f480' * 255)}


def test_a_line_asks_for_platforms_for_what_failed_and_for_a_reason() -> None:
    for line, (platforms, failed_only, reason) in LINES.items():
        assert read_commands(line) == [Command(platform, failed_only, reason) for platform in platforms], line


WRONG = {
    **dict.fromkeys(('/retry lniux', '/retry linux, windows', '/retry failed now', '/retry because-of-me'),
                    'Write /retry, followed by any of: linux, windows, failed, because and a reason.'),
    f'/retry because {"x" * 256}': 'Longer than maximum length 255.',
    '/retry because ': 'There is no reason after "because".'}


def test_a_line_that_is_no_valid_command_is_explained() -> None:
    for line, explanation in WRONG.items():
        wrong, = read_commands(line)
        assert isinstance(wrong, InvalidCommand) and wrong.message.endswith(explanation), line


NO_COMMANDS = {
    'does not begin with it': [
        '', 'retry', '/ retry', '//retry', 'Please /retry', ' /retry', '    /retry', '\t/retry', '> /retry', '>/retry',
        '- /retry', '**/retry**', '`/retry`', '[/retry](https://example.com)', '/restart'],
    'goes on without a blank': ['/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', '/retry.'],
    'stands in fenced code': [
        '```\n/retry\n```', '~~~\n/retry\n~~~', '``` js\n/retry\n```', 'text\n```\n/retry\n```', '```\n/retry',
        '```\n\n\n/retry', '~~~\n```\n/retry', '```\n~~~\n/retry\n```', '````\n```\n/retry\n````',
        '```\n<!--\n/retry\n-->\n```', '```\r\n/retry\r\n```', '~~~ `a`\n/retry'],
    'stands in an HTML comment': [
        '<!-- /retry -->', '<!--\n/retry\n-->', '<!--\n\n/retry\n-->', '<!--\n/retry', 'a <!--\n/retry\n--> b',
        '<!-- a -->\n<!--\n/retry\n-->', '<!--\n```\n/retry\n-->'],
}


@pytest.mark.parametrize('texts', NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_a_line_is_no_command_that(texts: list[str]) -> None:
    assert [text for text in texts if read_commands(text)] == []


@pytest.mark.parametrize('text', [
    'a\n\n/retry\n\nb', 'a\r\n/retry\r\nb', '> a\n/retry', '- a\n/retry', '# a\n/retry\n# b', 'a `b\n/retry',
    '```\na\n```\n/retry', '~~~\na\n~~~\n/retry', '```\na\n`````  \n/retry', '```\n<!--\n```\n/retry', '```a`\n/retry',
    '<!-- a -->\n/retry', 'a <!-- b -->\n/retry', '<!--\n```\n-->\n/retry', 'a -->\n/retry', '/retry\n```\na'])
def test_a_line_is_a_command_beside_all_that(text: str) -> None:
    assert read_commands(text) == read_commands('/retry') != []


def test_every_line_is_done_in_its_order_and_one_run_may_be_retried_in_two_ways(
        comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('Flaky.\r\n/retry linux failed\n/retry nothing\n/retry windows\n/retry linux')

    assert [(retry.run_id, retry.failed_only) for retry in outcome.retries] == [
        (linux.id, True), (windows.id, False), (linux.id, False)]
    assert len(outcome.refusals) == 1


def test_equal_lines_and_equal_refusals_count_once(comment: Comment, linux: Test, rows: Rows) -> None:
    assert len(comment('/retry foo\n/retry foo').refusals) == 1
    assert rows.retries == []

    comment('/retry linux because of this\n/retry linux because of that\n/retry LINUX')
    assert [row.reason for row in rows.retries] == ['of this']
