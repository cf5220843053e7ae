"""Which lines of a comment are commands, and what they ask for (docs/github.rst, "Comments")."""

import pytest
from mod_test.models import Test
from support.rows import Rows

from .conftest import Comment

pytestmark = pytest.mark.usefixtures('windows')

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


def asked(comment: Comment, text: str, rows: Rows) -> Asked | None:
    """Comment, and return what the comment has asked for; None for nothing."""
    retries = comment(text).retries
    if not retries:
        return None
    return [retry.platform for retry in retries], rows.retries[-1].failed_only, rows.retries[-1].reason


def test_a_line_asks_for_platforms_for_what_failed_and_for_a_reason(comment: Comment, rows: Rows) -> None:
    assert {line: asked(comment, line, rows) for line in LINES} == LINES


WRONG = {
    **dict.fromkeys(('/retry lniux', '/retry linux, windows', '/retry failed now', '/retry because-of-me'),
                    'Write /retry, followed by any of: linux, windows, failed, because and a reason.'),
    f'/retry because {"x" * 256}': 'Longer than maximum length 255.',
    '/retry because ': 'There is no reason after "because".'}


def test_a_line_that_is_no_valid_command_is_explained(comment: Comment, rows: Rows) -> None:
    for line, explanation in WRONG.items():
        refusal, = comment(line).refusals
        assert refusal.message.endswith(explanation), line
    assert rows.retries == []


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
def test_a_line_is_no_command_that(comment: Comment, rows: Rows, texts: list[str]) -> None:
    assert [text for text in texts if comment(text).ignored != 'The comment has no command.'] == []
    assert rows.retries == []


@pytest.mark.parametrize('text', [
    'a\n\n/retry\n\nb', 'a\r\n/retry\r\nb', '> a\n/retry', '- a\n/retry', '# a\n/retry\n# b', 'a `b\n/retry',
    '```\na\n```\n/retry', '~~~\na\n~~~\n/retry', '```\na\n`````  \n/retry', '```\n<!--\n```\n/retry', '```a`\n/retry',
    '<!-- a -->\n/retry', 'a <!-- b -->\n/retry', '<!--\n```\n-->\n/retry', 'a -->\n/retry', '/retry\n```\na'])
def test_a_line_is_a_command_beside_all_that(comment: Comment, rows: Rows, text: str) -> None:
    assert asked(comment, text, rows) == LINES['/retry']


def test_every_line_is_done_in_its_order_and_one_run_may_be_retried_in_two_ways(
        comment: Comment, linux: Test, windows: Test) -> None:
    outcome = comment('Flaky.\r\n/retry linux failed\n/retry nothing\n/retry windows\n/retry linux')

    assert [(retry.run_id, retry.failed_only) for retry in outcome.retries] == [
        (linux.id, True), (windows.id, False), (linux.id, False)]
    assert len(outcome.refusals) == 1


def test_equal_lines_and_equal_refusals_count_once(comment: Comment, rows: Rows) -> None:
    outcome = comment('/retry linux because of this\n/retry linux because of that\n/retry LINUX\n'
                      '/retry foo\n/retry foo')

    assert [row.reason for row in rows.retries] == ['of this']
    assert len(outcome.refusals) == 1
