"""Comments on GitHub, in the real platform's webhook with the patch ``webhook`` (docs/github.rst, Comments)."""

import re

import pytest
from support.github import AUTHOR, PR

from .protocol import CRASH, Story, Worker

pytestmark = pytest.mark.platform

#: An account on GitHub that nobody here knows.
MALLORY = 666

A, B = 'a' * 40, 'b' * 40


@pytest.fixture
def pull(story: Story) -> Worker:
    """The worker of the run of a pull request, in which one of three tests failed."""
    tests = story.tests(3)
    return story.worker(story.complete(story.open_pull(tests), {tests[0]: CRASH}))


# What comes of a comment


def test_a_signed_comment_makes_a_retry_and_is_answered(story: Story, pull: Worker) -> None:
    assert story.comment(pull.pr_nr, '/retry linux', key='another', status=418) == []

    (answer,) = story.comment(pull.pr_nr, '/retry linux because the VM froze')

    _, made = story.attempts(pull.run_id)
    address = f'http://localhost/test/{made["run_id"]}'
    assert (made['requested_by'], made['reason'], made['failed_only']) == ('adam', 'the VM froze', False)
    assert answer == f'- linux: run {pull.run_id} is queued again as [run {made["run_id"]}]({address}), with 3 tests.'
    # The platform posts "pending" with the first report of the worker.
    assert story.commit_status(pull.run_id)['state'] == 'failure'


def test_a_run_that_was_canceled_without_a_build_stays_green(story: Story) -> None:
    story.tests(1)
    story.process.call('open_pull', number=PR, commit=A, author=AUTHOR)
    run_id = story.report_pull(PR, A)
    for function in ('run_workflows', 'lose_build'):
        story.process.call(function, commit=A)
    story.report_build(A)
    green = story.commit_status(run_id)
    assert (green['state'], green['description']) == ('success', 'Not ran - no code changes')

    (answer,) = story.comment(PR, '/retry linux')

    assert re.match(f'- linux: run {run_id} is not retried.*The platform would find no build of commit', answer), answer
    assert (len(story.attempts(run_id)), story.commit_status(run_id)) == (1, green)


# Which run


def test_the_newest_run_of_the_head_is_retried_whatever_the_order_of_events(story: Story) -> None:
    tests = story.tests(3)
    story.process.call('open_pull', number=PR, commit=A, author=AUTHOR)
    story.complete(story.report_pull(PR, A), {tests[0]: CRASH})

    def newest_after(action: str, commit: str) -> int:
        return story.complete(story.report_pull(PR, commit, action), {tests[1]: CRASH})

    # Closed and opened again, GitHub's events make a second run of everything.
    story.process.call('close_pull', number=PR)
    story.report_pull(PR, A, 'closed')
    story.process.call('reopen_pull', number=PR)
    reopened = newest_after('reopened', A)
    source, retry = story.retry_by_comment(PR, '/retry linux failed')
    assert (source, story.selection(retry)) == (reopened, tests[1:2])

    story.process.call('push_to_pull', number=PR, commit=B)
    pushed = newest_after('synchronize', B)
    # An older push, delivered late.
    newest_after('synchronize', A)
    assert story.retry_by_comment(PR, '/retry linux')[0] == pushed

    story.process.call('push_to_pull', number=PR, commit=A)
    back = newest_after('synchronize', A)
    assert story.retry_by_comment(PR, '/retry linux')[0] == back


# Who may


@pytest.mark.parametrize('stored, login', [('\u00e1dam-gh', 'adam-gh'), ('adam-gh ', 'adam-gh'),
                                           ('adam-gh', '\u00e1dam-gh'), ('adam-gh', 'adam-gh ')])
def test_the_databases_collation_does_not_make_a_user_of_another(
        story: Story, pull: Worker, stored: str, login: str) -> None:
    story.rows.set('user', story.user_id, github_login=stored)

    assert story.comment(pull.pr_nr, '/retry linux', login=login, account=MALLORY) == []
    assert len(story.attempts(pull.run_id)) == 1


def test_who_is_blocked_or_deactivated_on_the_platforms_pages_gets_no_retry(story: Story, pull: Worker) -> None:
    other = story.rows.add('user', name='alice', email='alice@example.com', password='', role='contributor',
                           github_login='alice-gh')
    story.visit(f'/account/deactivate/{other}', form={'submit': 'Deactivate account'})
    user = story.rows.one('user', id=other)
    assert (user['role'], user['github_login']) == ('contributor', 'alice-gh')
    assert story.comment(pull.pr_nr, '/retry linux', login='alice-gh') == []

    story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})
    (answer,) = story.comment(pull.pr_nr, '/retry linux')
    assert 'The author of this pull request is blocked.' in answer
    assert len(story.attempts(pull.run_id)) == 1
