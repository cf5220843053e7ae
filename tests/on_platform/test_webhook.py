"""Comments on GitHub, in the real platform's webhook with the patch ``webhook`` (docs/github.rst, Comments)."""

import pytest
from support.github import AUTHOR

from .protocol import CRASH

#: An account on GitHub that nobody here knows.
MALLORY = 666


@pytest.fixture
def pull(story):
    """The run of a pull request, in which one of three tests failed."""
    tests = story.tests(3)
    return story.complete(story.open_pull(tests), {tests[0]: CRASH})


# What comes of a comment


def test_a_signed_comment_makes_a_retry_and_is_answered(story, pull):
    assert story.comment(pull, '/retry linux', key='another', status=418) == []

    (answer,) = story.comment(pull, '/retry linux because the VM froze')

    _, made = story.attempts(pull)
    address = f'http://localhost/test/{made["run_id"]}'
    assert (made['requested_by'], made['reason'], made['failed_only']) == ('adam', 'the VM froze', False)
    assert answer == f'- linux: run {pull} is queued again as [run {made["run_id"]}]({address}), with 3 tests.'
    # The platform posts "pending" with the first report of the worker.
    assert story.commit_status(pull)['state'] == 'failure'


# Who may


@pytest.mark.parametrize('stored, login', [('\u00e1dam-gh', 'adam-gh'), ('adam-gh ', 'adam-gh'),
                                           ('adam-gh', '\u00e1dam-gh'), ('adam-gh', 'adam-gh ')])
def test_the_databases_collation_does_not_make_a_user_of_another(story, pull, stored, login):
    story.rows.set('user', story.user_id, github_login=stored)

    assert story.comment(pull, '/retry linux', login=login, account=MALLORY) == []
    assert len(story.attempts(pull)) == 1


def test_who_is_blocked_or_deactivated_on_the_platforms_pages_gets_no_retry(story, pull):
    other = story.rows.add('user', name='alice', email='alice@example.com', password='', role='contributor',
                           github_login='alice-gh')
    story.visit(f'/account/deactivate/{other}', form={'submit': 'Deactivate account'})
    user = story.rows.one('user', id=other)
    assert (user['role'], user['github_login']) == ('contributor', 'alice-gh')
    assert story.comment(pull, '/retry linux', login='alice-gh') == []

    story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})
    (answer,) = story.comment(pull, '/retry linux')
    assert 'The author of this pull request is blocked.' in answer
    assert len(story.attempts(pull)) == 1
