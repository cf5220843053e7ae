"""Comments on GitHub, in the real platform's webhook with the patch ``webhook`` (docs/github.rst, "Comments")."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from checkout import Platform, copy
from documented import literal_block
from protocol import CRASH, Story
from rows import Rows

pytestmark = pytest.mark.platform

PAGE = 'docs/github.rst'

#: The numbers of accounts on GitHub: alice's, who may retry, mallory's, whom nobody knows, and the author's.
ALICE, MALLORY, AUTHOR = 583231, 666, 4711

Answers = list[str]


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """Return a copy of the platform with everything about GitHub that the docs say."""
    platform = copy(unmounted, 'listening', mounted=True)
    platform.apply('webhook')
    with open(platform.path / 'run.py', 'a') as run:
        run.write(literal_block(PAGE, 'from mod_runs_api import run_retried'))
    with open(platform.path / 'config.py', 'a') as config:
        config.write(literal_block(PAGE, 'from mod_runs_api.github import build_artifact_exists'))
    # What the platform hands to its machines with Windows.
    (platform.path / 'install' / 'ci-vm' / 'ci-windows' / 'rclone.conf').touch()
    return platform


@pytest.fixture
def alice(story: Story, own_rows: Rows) -> int:
    """Add a contributor who is known on GitHub."""
    return own_rows.add('user', name='alice', email='alice@example.com', password='', role='contributor',
                        github_login='alice-gh')


@pytest.fixture
def failed(story: Story, alice: int) -> int:
    """Return the run of a pull request in which one of three tests failed."""
    tests = story.tests(3)
    return story.complete(story.open_pull(tests, AUTHOR), {tests[0]: CRASH})


@pytest.fixture
def comment(story: Story) -> Callable[..., Answers]:
    """Comment on the pull request of a run, and return the answers on GitHub. Each comment has an id of its own."""
    ids = count(99262140)

    def send(run_id: int, body: str, *, login: str = 'Alice-GH', account: int = ALICE, id: int | None = None,
             status: int = 200, **delivery: Any) -> Answers:
        number = story.run(run_id)['pr_nr']
        before = story.process.call('comments', number=number)
        payload = {
            'action': 'created',
            'issue': {'number': number, 'state': 'open', 'pull_request': {'merged_at': None},
                      'user': {'login': 'someone', 'id': AUTHOR, 'type': 'User'}},
            'comment': {'id': next(ids) if id is None else id, 'body': body, 'performed_via_github_app': None,
                        'user': {'login': login, 'id': account, 'type': 'User'}},
            'repository': {'full_name': 'CCExtractor/ccextractor'}}
        assert story.process.call('deliver', event='issue_comment', payload=payload, **delivery) == status
        after = story.process.call('comments', number=number)
        return [answer['body'] for answer in after[len(before):]]

    return send


Comment = Callable[..., Answers]


def new_run(answers: Answers, source: int) -> int:
    """Return the only run that an answer says was made, of the source that it should have."""
    (answer,) = answers
    found = re.search(r'linux: run (\d+) is queued again as \[run (\d+)]', answer)
    assert found, answer
    assert int(found[1]) == source
    return int(found[2])


def open_pull_by_event(story: Story, commit: str, number: int = 1342) -> None:
    """Open a pull request, have GitHub report that, and have it built."""
    story.process.call('open_pull', number=number, commit=commit, author=AUTHOR)
    report_pull(story, commit, number)
    story.process.call('run_workflows', commit=commit)


def report_pull(story: Story, commit: str, number: int = 1342) -> None:
    """Have GitHub report that a pull request is opened."""
    assert story.process.call('deliver', event='pull_request', payload={
        'action': 'opened', 'pull_request': {'number': number, 'head': {'sha': commit}, 'user': {'id': AUTHOR}}}) == 200


def report_build(story: Story, commit: str) -> None:
    """Have GitHub report that the workflows that build a commit are through."""
    assert story.process.call('deliver', event='workflow_run', payload={
        'action': 'completed', 'sender': {'login': 'someone'}, 'workflow_run': {
            'name': 'Build CCExtractor on Linux', 'head_sha': commit, 'event': 'pull_request',
            'head_branch': 'fix'}}) == 200


def first_run(rows: Rows, commit: str) -> int:
    """Return the first run of a commit on Linux."""
    return min(rows.values('test', 'id', commit=commit, platform='linux'))


# What comes of a comment


def test_a_signed_comment_makes_a_retry_and_is_answered(
        story: Story, comment: Comment, own_rows: Rows, failed: int, alice: int) -> None:
    (answer,) = comment(failed, '/retry linux because the VM froze')

    made = own_rows.one('run_retry', source_test_id=failed)
    address = f'http://localhost/test/{made["test_id"]}'
    assert (made['user_id'], made['reason'], made['failed_only']) == (alice, b'the VM froze', 0)
    assert answer == f'- linux: run {failed} is queued again as [run {made["test_id"]}]({address}), with 3 tests.'
    assert story.commit_status(failed) == {
        'commit': story.run(failed)['commit'], 'state': 'pending', 'description': 'Tests queued',
        'context': 'CI - linux', 'target_url': address}


def test_a_comment_counts_once_in_whichever_delivery(comment: Comment, own_rows: Rows, failed: int) -> None:
    comment(failed, '/retry linux', id=7, delivery_id='one')
    (answer,) = comment(failed, '/retry linux', id=7, delivery_id='another')

    assert len(own_rows.of('run_retry')) == 1
    assert 'has already been queued again' in answer


def test_a_comment_that_github_has_not_signed_does_nothing(comment: Comment, own_rows: Rows, failed: int) -> None:
    assert comment(failed, '/retry linux', key='another', status=418) == []
    assert own_rows.of('run_retry') == []


# Which run a comment means


def test_a_full_run_can_be_started_after_a_failed_only_retry(story: Story, comment: Comment, failed: int) -> None:
    retry = new_run(comment(failed, '/retry linux failed'), failed)
    story.complete(retry)

    again = new_run(comment(failed, '/retry linux'), failed)

    assert len(story.selection(again)) == 3


def test_retry_failed_goes_on_from_the_newest_attempt_that_has_ended(
        story: Story, comment: Comment, failed: int) -> None:
    retry = new_run(comment(failed, '/retry linux failed'), failed)
    assert len(story.selection(retry)) == 1
    story.complete(retry, {story.selection(retry)[0]: CRASH})

    assert story.selection(new_run(comment(failed, '/retry linux failed'), retry)) == story.selection(failed)[:1]


def test_a_run_that_is_still_queued_is_not_retried(story: Story, comment: Comment, own_rows: Rows, alice: int) -> None:
    queued = story.open_pull(story.tests(2))

    assert comment(queued, '/retry linux') == [
        f'- linux: run {queued} is not retried. Run {queued} is still queued.']
    assert own_rows.of('run_retry') == []


def test_the_newest_commit_is_retried_after_a_retry_of_an_old_one(
        story: Story, comment: Comment, failed: int) -> None:
    old = story.run(failed)
    commit = 'f' * 40
    story.process.call('push_to_pull', number=old['pr_nr'], commit=commit)
    newest = story.complete(story.rows.run(story.selection(failed), stages=(), commit=commit, pr_nr=old['pr_nr']))
    story.retry(failed)

    new_run(comment(failed, '/retry linux'), newest)


def test_a_users_run_of_their_own_fork_is_not_the_pull_requests(
        story: Story, comment: Comment, own_rows: Rows, failed: int) -> None:
    own_rows.set('user', story.user_id, role='user', github_login='una')
    commit = '1' * 40
    story.process.call('push', commit=commit)
    story.ask('POST', '/runs', json_body={
        'commit_sha': commit, 'platform': 'linux', 'repository': 'una/ccextractor', 'branch': 'pull_request',
        'pull_request': story.run(failed)['pr_nr']})

    new_run(comment(failed, '/retry linux'), failed)


def test_a_partial_run_of_another_commit_is_not_the_pull_requests(
        story: Story, comment: Comment, failed: int) -> None:
    commit = '2' * 40
    story.process.call('push', commit=commit)
    story.ask('POST', '/runs', json_body={
        'commit_sha': commit, 'platform': 'linux', 'repository': 'CCExtractor/ccextractor',
        'pull_request': story.run(failed)['pr_nr'], 'regression_test_ids': story.selection(failed)[:1]})

    new_run(comment(failed, '/retry linux'), failed)


def test_the_second_pair_of_runs_of_a_redelivered_event_is_passed_over(
        story: Story, comment: Comment, own_rows: Rows, alice: int) -> None:
    commit = '3' * 40
    tests = story.tests(2)
    open_pull_by_event(story, commit)
    report_pull(story, commit)
    report_build(story, commit)
    run_id = first_run(own_rows, commit)
    assert len(own_rows.of('test', commit=commit, platform='linux')) == 2
    story.complete(run_id, {tests[0]: CRASH})

    retry = new_run(comment(run_id, '/retry linux'), run_id)

    assert story.selection(retry) == tests


def test_a_run_that_was_canceled_without_a_build_stays_green(
        story: Story, comment: Comment, own_rows: Rows, alice: int) -> None:
    commit = '4' * 40
    story.tests(1)
    story.process.call('open_pull', number=1342, commit=commit, author=AUTHOR)
    story.process.call('lose_build', commit=commit)
    report_pull(story, commit)
    report_build(story, commit)
    run_id = first_run(own_rows, commit)
    green = story.commit_status(run_id)
    assert (green['state'], green['description']) == ('success', 'Not ran - no code changes')

    (answer,) = comment(run_id, '/retry linux')

    assert answer.startswith(f'- linux: run {run_id} is not retried. GitHub has no build of commit')
    assert story.commit_status(run_id) == green
    assert own_rows.of('run_retry') == []


# Who may


@pytest.mark.parametrize('login', ['mallory', '\u00e1lice-gh', 'alice-gh ', 'alice\ud800'])
def test_a_stranger_gets_no_answer(comment: Comment, own_rows: Rows, failed: int, login: str) -> None:
    assert comment(failed, '/retry linux', login=login, account=MALLORY) == []
    assert own_rows.of('run_retry') == []


@pytest.mark.parametrize('stored', ['\u00e1lice-gh', 'alice-gh '])
def test_the_databases_collation_does_not_make_a_user_of_another(
        comment: Comment, own_rows: Rows, failed: int, alice: int, stored: str) -> None:
    own_rows.set('user', alice, github_login=stored)

    assert comment(failed, '/retry linux') == []
    assert own_rows.of('run_retry') == []


def test_a_blocked_account_gets_no_answer(
        story: Story, comment: Comment, own_rows: Rows, failed: int) -> None:
    story.visit('/blocked_users', form={'user_id': str(ALICE), 'comment': 'spam', 'add': 'Add User'})

    assert comment(failed, '/retry linux') == []
    assert own_rows.of('run_retry') == []


def test_the_pull_request_of_a_blocked_author_is_not_retried(
        story: Story, comment: Comment, own_rows: Rows, failed: int) -> None:
    story.visit('/blocked_users', form={'user_id': str(AUTHOR), 'comment': 'spam', 'add': 'Add User'})

    assert comment(failed, '/retry linux') == ['No run is retried. The author of this pull request is blocked.']
    assert own_rows.of('run_retry') == []


def test_a_deactivated_user_gets_no_answer(
        story: Story, comment: Comment, own_rows: Rows, failed: int, alice: int) -> None:
    story.visit(f'/account/deactivate/{alice}', form={'submit': 'Deactivate account'})
    user = own_rows.one('user', id=alice)
    assert (user['role'], user['github_login']) == ('contributor', 'alice-gh')

    assert comment(failed, '/retry linux') == []
    assert own_rows.of('run_retry') == []
