"""Comments on GitHub, in the real platform's webhook with the patch ``webhook`` (docs/github.rst, Comments)."""

from __future__ import annotations

import pytest
from protocol import ACCOUNT, AUTHOR, CRASH, Story
from rows import Rows

pytestmark = pytest.mark.platform

#: An account on GitHub that nobody here knows.
MALLORY = 666


@pytest.fixture
def failed(story: Story) -> int:
    """Return the run of a pull request in which one of three tests failed."""
    tests = story.tests(3)
    return story.complete(story.open_pull(tests), {tests[0]: CRASH})


@pytest.fixture
def number(story: Story, failed: int) -> int:
    """Return the number of that pull request."""
    return int(story.run(failed)['pr_nr'])


# What comes of a comment


def test_a_signed_comment_makes_a_retry_and_is_answered(
        story: Story, own_rows: Rows, failed: int, number: int) -> None:
    (answer,) = story.comment(number, '/retry linux because the VM froze')

    _, made = story.attempts(failed)
    address = f'http://localhost/test/{made["run_id"]}'
    assert (made['requested_by'], made['reason'], made['failed_only']) == ('adam', 'the VM froze', False)
    assert answer == f'- linux: run {failed} is queued again as [run {made["run_id"]}]({address}), with 3 tests.'
    assert story.commit_status(failed) == {
        'commit': story.run(failed)['commit'], 'state': 'pending', 'description': 'Tests queued',
        'context': 'CI - linux', 'target_url': address}


def test_a_comment_that_github_has_not_signed_does_nothing(story: Story, failed: int, number: int) -> None:
    assert story.comment(number, '/retry linux', key='another', status=418) == []
    assert len(story.attempts(failed)) == 1


@pytest.mark.parametrize('configuration', [
    {'repository': 'una/ccextractor', 'branch': 'pull_request'},
    {'repository': 'CCExtractor/ccextractor'},
], ids=['of a fork', 'of another branch'])
def test_what_a_person_has_run_in_the_name_of_a_pull_request_is_not_its_run(
        story: Story, own_rows: Rows, failed: int, number: int, configuration: dict[str, str]) -> None:
    own_rows.set('user', story.user_id, github_login='una')
    story.ask('POST', '/runs', json_body={'commit_sha': story.run(failed)['commit'], 'platform': 'linux',
                                          'pull_request': number, **configuration})
    own_rows.set('user', story.user_id, github_login='adam-gh')

    assert story.retry_by_comment(number, '/retry linux')[0] == failed


def test_a_run_that_was_canceled_without_a_build_stays_green(story: Story) -> None:
    commit = '4' * 40
    story.tests(1)
    story.open_pull_by_event(commit)
    story.process.call('lose_build', commit=commit)
    story.report_build(commit)
    (run_id,) = story.runs_of(commit)
    green = story.commit_status(run_id)
    assert (green['state'], green['description']) == ('success', 'Not ran - no code changes')

    (answer,) = story.comment(1342, '/retry linux')

    assert answer.startswith(f'- linux: run {run_id} is not retried. GitHub has no build of commit')
    assert story.commit_status(run_id) == green
    assert len(story.attempts(run_id)) == 1


def test_retry_failed_starts_from_the_attempt_that_says_most_lately_what_did_not_pass(
        story: Story, failed: int, number: int) -> None:
    tests = story.selection(failed)
    full = story.complete(story.retry(failed, failed_only=False), {tests[1]: CRASH})
    story.stop(story.retry(failed))
    assert story.retry_by_comment(number, '/retry linux failed')[0] == full
    healed = story.attempts(failed)[-1]['run_id']
    assert story.selection(healed) == tests[1:2]

    story.complete(healed)
    story.stop(story.retry(failed))
    (answer,) = story.comment(number, '/retry linux failed')

    assert 'is not retried' in answer
    assert story.attempts(failed)[-2]['run_id'] == healed


# Who may


@pytest.mark.parametrize('stored, login', [('\u00e1dam-gh', 'adam-gh'), ('adam-gh ', 'adam-gh'),
                                           ('adam-gh', '\u00e1dam-gh'), ('adam-gh', 'adam-gh ')])
def test_the_databases_collation_does_not_make_a_user_of_another(
        story: Story, own_rows: Rows, failed: int, number: int, stored: str, login: str) -> None:
    own_rows.set('user', story.user_id, github_login=stored)

    assert story.comment(number, '/retry linux', login=login, account=MALLORY) == []
    assert len(story.attempts(failed)) == 1


@pytest.mark.parametrize('blocked, answers', [
    (ACCOUNT, []),
    (AUTHOR, ['No run is retried. The author of this pull request is blocked.']),
], ids=['commenter', 'author'])
def test_who_is_blocked_on_the_platforms_page_gets_no_retry(
        story: Story, failed: int, number: int, blocked: int, answers: list[str]) -> None:
    story.visit('/blocked_users', form={'user_id': str(blocked), 'comment': 'spam', 'add': 'Add User'})

    assert story.comment(number, '/retry linux') == answers
    assert len(story.attempts(failed)) == 1


def test_who_is_deactivated_on_the_platforms_page_gets_no_answer(
        story: Story, own_rows: Rows, failed: int, number: int) -> None:
    other = own_rows.add('user', name='alice', email='alice@example.com', password='', role='contributor',
                         github_login='alice-gh')
    story.visit(f'/account/deactivate/{other}', form={'submit': 'Deactivate account'})
    user = own_rows.one('user', id=other)
    assert (user['role'], user['github_login']) == ('contributor', 'alice-gh')

    assert story.comment(number, '/retry linux', login='alice-gh') == []
    assert len(story.attempts(failed)) == 1
