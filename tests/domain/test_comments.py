"""The lines that are commands, who may write them, and which count (docs/github.rst, "Comments")."""

import pytest

from mod_runs_api.domain.comments import (Command, Comment, IgnoredComment, ParsedComment, Writer, choose_commands,
                                          identify_writer, list_mentioned, parse_commands)
from mod_runs_api.domain.retry import RetryRules
from mod_runs_api.domain.users import User

BOTH = ('linux', 'windows')

#: By the line the platforms that it names, whether only failed tests, and the reason.
LINES = {
    '/retry': ((), False, None),
    '/retry failed': ((), True, None),
    '/retry linux': (('linux',), False, None),
    '/retry windows linux failed': (BOTH, True, None),
    '/retry failed windows': (('windows',), True, None),
    '/retry linux linux failed failed': (('linux',), True, None),
    '/retry  \t linux  ': (('linux',), False, None),
    '/retry\tlinux': (('linux',), False, None),
    '/retry\xa0linux\u3000failed because\xa0so': (('linux',), True, 'so'),
    '/Retry LINUX Failed BECAUSE The VM': (('linux',), True, 'The VM'),
    '/retry because linux failed': ((), False, 'linux failed'),
    '/retry because  it   is so because of me  ': ((), False, 'it   is so because of me'),
    '/retry because **the** `VM` &lt;froze \U0001f480': ((), False, '**the** `VM` &lt;froze \U0001f480'),
}


def test_a_line_asks_for_platforms_for_what_failed_and_for_a_reason():
    for line, (named, failed_only, reason) in LINES.items():
        assert parse_commands(line) == (
            [Command(platform, failed_only, reason, named) for platform in named or BOTH], []), line


#: By the explanation the lines.
WRONG = {
    'Write /retry, followed by any of: linux, windows, failed, because and a reason.': [
        '/retry lniux', '/retry linux, windows', '/retry failed now', '/retry because-of-me', '/retry l\0nux'],
    'There is no reason after "because".': ['/retry because', '/retry linux because '],
    'The reason cannot be stored. Longer than maximum length 255.': [f'/retry because {"x" * 256}'],
    'The reason cannot be stored. Must not contain NUL.': ['/retry linux because a\0b'],
    'The reason cannot be stored. Must be valid Unicode.': ['/retry because \ud800']}


def test_a_line_that_is_no_valid_command_is_explained():
    for explanation, lines in WRONG.items():
        for line in lines:
            commands, (complaint,) = parse_commands(line)
            assert not commands and complaint.endswith(explanation), line


NOTHING = ParsedComment([], [])

NO_COMMANDS = {
    'does not begin with it': [
        '', 'retry', '/ retry', '\xa0/retry', '//retry', 'Please /retry', ' /retry', '    /retry', '\t/retry',
        '> /retry', '>/retry', '- /retry', '**/retry**', '`/retry`', '[/retry](https://example.com)', '/restart'],
    'goes on without a blank': ['/retryfailed', '/retry-linux', '/retry/linux', '/retry, please', '/retry.'],
}


@pytest.mark.parametrize('lines', NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_a_line_is_no_command_that(lines):
    assert [line for line in lines if parse_commands(line) != NOTHING] == []


#: A comment with the command in fenced code.
HIDDEN = [
    '```\n/retry\n```', '~~~\n/retry\n~~~', '``` js\n/retry\n```', '~~~ `a`\n/retry', 'text\n```\n/retry\n```',
    '```\r\n/retry\r\n```', '```\r/retry\r```', '- a\n```\n/retry', '> a\n```\n/retry',
    # Without an end it extends to the end. Nothing else closes it.
    '```\n/retry', '~~~\n```\n/retry', '```\n~~~\n/retry', '````\n```\n/retry\n````', '```\n``` a\n/retry',
    '```\n ```\n/retry', '```\n``` ```\n/retry', '```\na\n```\n```\n/retry',
    # This is no end of a line on GitHub.
    '~~~\u2028~~~\n/retry']


@pytest.mark.parametrize('comment', HIDDEN)
def test_a_line_in_fenced_code_is_no_command(comment):
    assert parse_commands(comment) == NOTHING


@pytest.mark.parametrize('comment', [
    'a\n\n/retry\n\nb', 'a\r\n/retry\r\nb', 'a\r/retry\rb', '> a\n/retry', '- a\n/retry',
    '```\na\n```\n/retry', '~~~\na\n~~~~  \n/retry', '/retry\n```\na', '``\n/retry', '```a`\n/retry',
    # A fence that is indented, in a list for example, opens and closes nothing.
    '- ```\n  a\n  ```\n/retry', '  ```\n/retry', '> ```\n/retry', '- a\n\n  ```\n  b\n  ```\n/retry',
    # Nothing else of Markdown is read.
    '<!--\n/retry\n-->', '<pre>\n/retry\n</pre>', '<details>\n/retry'])
def test_any_other_line_may_be_a_command(comment):
    assert [command.platform for command in parse_commands(comment).commands] == [*BOTH]


# Who may write what

TESTER, USER, OTHER = User(5, 'tina', 'tester'), User(6, 'ulla', 'user'), User(7, 'otto', 'tester')
AUTHOR, SOMEBODY = 1, 2


def identify(users=(), *, account_id=AUTHOR, author_id=AUTHOR, blocked=(), author_retries=2, is_by_insider=False,
             roles=('tester',)):
    """Return the writer of a comment, or why the comment is ignored and whether it gets a reply."""
    rules = RetryRules(frozenset(roles), drop_inactive_tests=False, author_retries=author_retries)
    comment = Comment(9, '/retry failed', 'octocat', account_id, 7, author_id, is_by_insider)
    try:
        return identify_writer(comment, users, blocked, rules)
    except IgnoredComment as ignored:
        return str(ignored), ignored.gets_reply


def test_a_user_with_a_role_writes_as_that_user_whether_they_are_the_author_or_not():
    assert [identify([TESTER], account_id=account_id) for account_id in (AUTHOR, SOMEBODY)] == [Writer(5), Writer(5)]


@pytest.mark.parametrize(('users', 'user_id'), [([], None), ([USER], 6), ([USER, OTHER], None)])
def test_an_author_whom_no_role_allows_to_retry_writes_as_the_author(users, user_id):
    assert identify(users) == Writer(user_id, 'octocat')


NO_USER = 'The GitHub account octocat belongs to no user of this platform.'


@pytest.mark.parametrize(('users', 'reason', 'gets_reply'), [
    ([], NO_USER, False),
    ([USER], 'The role of octocat does not have permission to run tests.', True),
    ([USER, OTHER], 'The GitHub account octocat belongs to several users of this platform.', True)])
@pytest.mark.parametrize('changes', [
    {'author_retries': 0}, {'account_id': SOMEBODY}, {'author_id': None}], ids=['off', 'not the author', 'deleted'])
def test_nobody_else_may_write_a_command(users, reason, gets_reply, changes):
    assert identify(users, **changes) == (reason, gets_reply)


def test_somebody_who_belongs_to_the_repository_is_told_that_their_account_is_unknown():
    assert identify(account_id=SOMEBODY, is_by_insider=True) == (NO_USER, True)


@pytest.mark.parametrize(('users', 'is_by_insider', 'gets_reply'), [
    ([], False, False), ([], True, True), ([TESTER], False, True), ([USER, OTHER], False, True)])
def test_nobody_may_write_a_command_if_no_role_may_retry_and_strangers_get_no_reply(users, is_by_insider, gets_reply):
    assert identify(users, account_id=SOMEBODY, is_by_insider=is_by_insider, roles=()) == (
        'Retries by users are switched off.', gets_reply)
    assert identify(users, roles=()).author_login == 'octocat'


@pytest.mark.parametrize('users', [[], [TESTER]])
def test_a_blocked_writer_gets_no_reply_and_nobody_retries_for_a_blocked_author(users):
    assert identify(users, blocked={AUTHOR}) == ('The writer of the comment is blocked.', False)
    assert identify([TESTER], account_id=SOMEBODY, blocked={AUTHOR}) == (
        'The author of this pull request is blocked.', True)


# Which command counts


def choose(lines, writer=Writer(5)):
    """Return whether the command that counts is for failed tests, by platform, and the sentences about other lines."""
    wanted, complaints = choose_commands(parse_commands('\n'.join(lines)), writer)
    return {command.platform: command.failed_only for command in wanted}, complaints


ONLY_FAILED = 'Only maintainers may run all tests. Write "{}" to run those that did not pass.'


def test_the_first_command_for_a_platform_counts_and_nothing_is_said_of_the_others():
    assert choose(['/retry linux', '/retry failed', '/retry linux', '/retry windows']) == (
        {'linux': False, 'windows': True}, [])


def test_for_an_author_the_first_line_for_failed_tests_counts():
    author = Writer(None, 'octocat')

    assert choose(['/retry', '/retry linux failed', '/retry failed'], author) == (
        {'linux': True, 'windows': True}, [ONLY_FAILED.format('/retry failed')])


@pytest.mark.parametrize(('line', 'right'), [
    ('/retry', '/retry failed'), ('/retry windows because of me', '/retry windows failed'),
    ('/retry linux windows', '/retry linux windows failed')])
def test_an_author_who_asks_for_all_tests_is_answered_with_the_right_line_once(line, right):
    assert choose([line, line], Writer(None, 'octocat')) == ({}, [ONLY_FAILED.format(right)])


@pytest.mark.parametrize(('lines', 'without_run', 'mentioned'), [
    (['/retry'], [], []), (['/retry'], ['linux'], []), (['/retry'], BOTH, BOTH),
    (['/retry windows'], ['windows'], ['windows']), (['/retry', '/retry linux'], ['linux'], ['linux'])])
def test_a_platform_without_a_run_is_mentioned_if_a_line_names_it_or_none_has_a_run(
        lines, without_run, mentioned):
    parsed = parse_commands('\n'.join(lines))
    wanted, _ = choose_commands(parsed, Writer(5))

    assert list_mentioned(without_run, parsed, wanted) == [*mentioned]
