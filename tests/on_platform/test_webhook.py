"""Comments on GitHub, in the real platform's webhook with the patch ``webhook`` (docs/github.rst, Comments)."""

import re

import pytest
from support.github import AUTHOR

from .protocol import CRASH, Reported

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
    # The status does not wait for a machine.
    status = story.commit_status(pull)
    assert (status['state'], status['description'], status['target_url']) == ('pending', 'Tests queued', address)


# The author of a pull request, whom the platform has never seen


def fail_a_test(worker):
    """Run all tests, one of which crashes, and return the report."""
    worker.run_all({worker.tests[0]: CRASH})
    worker.end()
    return worker.story.report(worker.run_id)


def run_out_of_time(worker):
    """Run a test, have the time limit end the run, and return the page that its commit status links to."""
    worker.run(worker.tests[0])
    worker.run_out_of_time()
    status = worker.story.commit_status(worker.run_id)
    assert (status['state'], status['target_url']) == ('error', f'http://localhost/test/{worker.run_id}')
    return worker.story.process.call('ask', method='GET', path=status['target_url'])['body']


@pytest.mark.parametrize(('end', 'tests_again'), [(fail_a_test, slice(1)), (run_out_of_time, slice(1, None))])
def test_a_contributor_heals_a_run_by_the_command_that_report_or_page_names(story, end, tests_again):
    tests = story.tests(3)
    worker = story.worker(story.open_pull(tests))
    worker.start()

    told = end(worker)

    sentence = 'If this is not due to the pull request, its author may write '
    ((command, behind),) = re.findall(
        rf'{sentence}(?:`|<code>)(.+?)(?:`|</code>) in a comment on it \(2 times\)\.'
        r'(?: A new run may start by itself\.)?\s*(\S+)', told)
    assert behind in ('<details>', '</p>')
    (answer,) = story.comment(worker.run_id, command, login='octocat', account=AUTHOR)
    retry = story.attempts(worker.run_id)[-1]
    assert (retry['requested_by'], retry['status']) == ('octocat on GitHub', 'queued')
    assert f'is queued again as [run {retry["run_id"]}](http://localhost/test/{retry["run_id"]})' in answer
    assert story.rows.selection(retry['run_id']) == tests[tests_again]
    story.complete(retry['run_id'])
    assert '3/3 tests matched the approved output' in story.report(worker.run_id)
    assert sentence not in story.report(worker.run_id)
    assert story.commit_status(worker.run_id)['state'] == 'success'
    assert story.reported(retry['run_id']) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)


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
