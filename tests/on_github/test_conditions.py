"""The five conditions under which a run may be retried now, as they are asked (docs/how-it-works.rst)."""

import sys
import time
from unittest import mock

import pytest
import seed
from database import db
from mod_auth.models import Role
from mod_ci.controllers import MAX_ARTIFACTS_TO_SEARCH
from mod_ci.models import BlockedUsers
from mod_test.models import TestStatus, TestType
from support.changes import add_retries
from support.github import ALICE, AUTHOR, COMMIT, OLD_COMMIT, PR, Build, GitHubError, RateLimitExceededException
from support.histories import end

from mod_runs_api import Unprocessable, retry_run
from mod_runs_api.api.limits import KEY as LIMITER

NO_BUILD = ('There is no build of commit 5f2a9c0e for linux: it failed, waits for an approval, was not needed because '
            'no code had changed, or is gone. GitHub keeps builds for 90 days, and the platform looks at the newest '
            'ones only.')
WANTED, OTHER = Build(COMMIT, 'linux'), Build(OLD_COMMIT, 'linux')
#: The questions to GitHub.
PULL_REQUEST, BUILDS = f'pull request {PR}', 'artifacts'


@pytest.fixture
def app_settings(app_settings):
    """The settings of a platform whose every retry must meet the conditions."""
    return {'RUNS_API_CHECKS': True, **app_settings}


@pytest.fixture(autouse=True)
def other_build(github):
    """Have the other commit be built, too."""
    github.build(OLD_COMMIT)


def refusal(run):
    """Return why a run cannot be retried; None if it was. Its retry ends at once."""
    try:
        retry = retry_run(run.id)
    except Unprocessable as error:
        assert error.details == {'refusal': 'refused_by_check', 'run_id': run.id}
        return error.message
    end(retry.new_run_id)
    return None


# When they are asked


@pytest.mark.parametrize('settings', [{'RUNS_API_CHECKS': False}])
def test_without_the_setting_a_run_that_is_queued_is_retried_and_nothing_is_asked(github, make_run):
    assert retry_run(make_run(stages=(), commit='0ff').id)
    assert github.asked == []


def test_api_preview_command_and_functions_say_the_same_sentence(
        github, linux, retry, preview, command, rows, token, app):
    github.close_pull(PR)
    closed = f'Pull request {PR} is closed.'
    before = rows.snapshot()

    answer = retry(linux)
    assert (answer.status_code, answer.json['message']) == (422, closed)
    previewed = preview(linux).json
    assert [previewed[kind]['refusal'] for kind in ('all', 'failed_only')] == [answer.json] * 2
    for options in ((), ('--dry-run',)):
        assert command('retry', linux.id, *options).stderr.startswith(f'Error: {closed}')
    assert refusal(linux) == closed
    assert (rows.snapshot(), rows.retries) == (before, [])


def test_what_the_state_of_the_run_refuses_comes_first_and_nothing_is_asked(github, make_run, retry):
    running = make_run(stages=seed.STARTED)

    assert retry(running, {'failed_only': True}).json['details']['refusal'] == 'run_not_finished'
    assert github.asked == []


def test_the_tables_refuse_first_and_the_first_condition_before_the_second(github, make_run):
    old, _ = make_run(commit=OLD_COMMIT, stages=()), make_run()

    assert refusal(old).startswith('Commit 00000000 is superseded')
    assert github.asked == []


def test_each_question_is_asked_once_for_a_retry_and_once_for_both_kinds_of_a_preview(github, linux, retry, preview):
    for request in (preview, retry):
        github.asked.clear()
        assert request(linux).status_code in (200, 202)
        assert github.asked == [PULL_REQUEST, BUILDS]


def test_readers_head_and_pages_cause_no_question_but_see_what_the_tables_refuse(
        github, linux, make_run, preview, ask, alice, visitor):
    reader, without_role = seed.token(alice, ['runs:read']), seed.token(seed.user('bob', Role.user))
    visitor.page(f'/test/{linux.id}')

    for token in (reader, without_role):
        assert preview(linux, token=token).json['all']['refusal'] is None
    assert ask('HEAD', linux, 'retry').status_code == 200
    assert preview(make_run(stages=()), token=reader).json['all']['refusal']['details']['refusal'] == 'refused_by_check'
    assert github.asked == []


def test_the_first_five_previews_of_a_user_in_a_minute_ask_github_and_no_others(
        github, linux, make_run, preview, command, alice, monkeypatch):
    tina, running = seed.token(seed.user('tina', Role.tester)), make_run(stages=())
    github.close_pull(PR)
    now = 1_800_000_000
    monkeypatch.setattr(time, 'time', lambda: now)

    def refusals(count, **options):
        return [preview(linux, **options).json['all']['refusal'] is not None for _ in range(count)]

    # What the tables refuse asks nothing, and is not counted.
    assert preview(running).json['all']['refusal']
    # They are counted by user, whichever token is sent, and the command asks always.
    assert refusals(3) + refusals(4, token=seed.token(alice)) == [True] * 5 + [False] * 2
    assert refusals(1, token=tina) == [True]
    assert command('retry', linux.id, '--dry-run').exit_code == 5
    assert github.asked == [PULL_REQUEST] * 7
    now += 61
    assert refusals(1) == [True]


def test_a_preview_that_cannot_be_counted_asks_github(github, app, linux, preview, monkeypatch):
    # The storage goes away after the request was counted.
    limiter = app.extensions[LIMITER].limiter
    monkeypatch.setattr(limiter, 'hit', mock.Mock(side_effect=[True, ConnectionError]))

    assert preview(linux) == 200
    assert limiter.hit.call_count == 2
    assert github.asked == [PULL_REQUEST, BUILDS]


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_CHECKS': False}])
def test_a_comment_meets_the_second_to_the_fifth_condition_with_and_without_the_setting(
        github, comment, make_run, rows):
    old, _ = make_run(commit=OLD_COMMIT), make_run()
    # The branch was pushed back.
    github.pulls[PR].head.sha = OLD_COMMIT
    github.lose_build(OLD_COMMIT)

    message = NO_BUILD.replace(COMMIT[:8], OLD_COMMIT[:8])
    assert comment('/retry linux').reply == f'- linux: run {old.id} is not retried: `{message}`'
    assert github.asked == [PULL_REQUEST, PULL_REQUEST, BUILDS]
    assert rows.retries == []


# While GitHub is asked


def test_a_second_request_while_github_is_asked_makes_no_second_run(linux, retry, rows, while_github_is_asked):
    while_github_is_asked(lambda: retry(linux))

    assert retry(linux).json['message'] == f'Run {linux.id + 1}, an attempt of the same run, is still queued.'
    assert len(rows.retries) == 1


@pytest.mark.parametrize('is_refused_by_github', [False, True])
def test_a_repeated_request_gets_the_run_that_its_key_created_while_github_was_asked(
        github, linux, retry, rows, while_github_is_asked, is_refused_by_github):
    answers = []

    def repeat():
        answers.append(retry(linux, key='k'))
        if is_refused_by_github:
            github.builds.clear()

    while_github_is_asked(repeat)
    answers.append(retry(linux, key='k'))

    assert [(answer.status_code, answer.headers.get('Idempotent-Replayed')) for answer in answers] == [
        (202, None), (202, 'true')]
    assert answers[0].json == answers[1].json
    assert len(rows.retries) == 1


# No answer


@pytest.mark.parametrize(('question', 'asked'), [
    (PULL_REQUEST, [PULL_REQUEST]), (BUILDS, [PULL_REQUEST, BUILDS]), ('artifact 2', [PULL_REQUEST, BUILDS])])
def test_a_github_without_an_answer_refuses_nothing_and_keeps_its_token(
        github, linux, caplog, question, asked):
    github.builds = [OTHER, OTHER]
    github.faults = {question: ConnectionError('ghp_secret')}

    assert refusal(linux) is None

    assert github.asked == asked
    subject = PULL_REQUEST if question == PULL_REQUEST else f'the build of run {linux.id}'
    assert caplog.messages == [f'GitHub gave no answer about {subject}: ConnectionError: ***']
    assert 'ghp_secret' not in caplog.text


@pytest.mark.parametrize(('error', 'asked'), [
    (GitHubError(403), [PULL_REQUEST, BUILDS]), (GitHubError(404), [PULL_REQUEST, BUILDS]),
    (GitHubError(429), [PULL_REQUEST]), (GitHubError(502), [PULL_REQUEST]),
    (RateLimitExceededException(403), [PULL_REQUEST])])
def test_an_error_about_one_question_keeps_no_other_from_being_asked_and_silence_does(github, linux, error, asked):
    github.builds.clear()
    github.faults = {PULL_REQUEST: error}

    assert refusal(linux) == (NO_BUILD if BUILDS in asked else None)
    assert github.asked == asked


@pytest.mark.parametrize('token', ['', 'ghp_secret'])
def test_a_platform_without_github_or_pygithub_asks_nothing_and_logs_nothing(
        github, linux, app, caplog, monkeypatch, token):
    app.config['GITHUB_TOKEN'] = token
    if token:
        monkeypatch.setitem(sys.modules, 'github', None)
    github.builds.clear()

    assert refusal(linux) is None
    assert (github.asked, caplog.messages) == ([], [])


def test_the_time_out_of_a_worker_is_no_answer_and_ends_the_request(github, linux, rows):
    github.faults = {BUILDS: SystemExit()}

    with pytest.raises(SystemExit):
        retry_run(linux.id)
    assert rows.retries == []


# The first


OF_MASTER = {'test_type': TestType.commit, 'branch': 'master', 'pr_nr': 0}


@pytest.mark.parametrize(('configuration', 'where'), [({}, 'pull request 1342'), (OF_MASTER, 'branch master')])
def test_the_commit_of_a_run_is_superseded_by_a_later_one(make_run, configuration, where):
    old, new, retry = (make_run(commit=commit, **configuration) for commit in (OLD_COMMIT, COMMIT, OLD_COMMIT))
    add_retries(old.id, [retry.id])

    reason = f'Commit 00000000 is superseded: run {new.id}, of another commit of {where}, is newer.'
    assert refusal(old) == refusal(retry) == reason
    # A later retry of another commit supersedes nothing.
    assert refusal(new) is None


@pytest.mark.parametrize(('configuration', 'others'), [
    # A person created the run of the pull request on branch master, maybe of an older commit.
    ({}, [{'pr_nr': PR + 1}, {'branch': 'master'}, {'test_type': TestType.commit}]),
    (OF_MASTER, [{'branch': 'Master'}, {'test_type': TestType.pull_request}])])
def test_a_later_run_of_something_else_and_an_earlier_one_supersede_nothing(make_run, configuration, others):
    make_run(**configuration)
    old = make_run(commit=OLD_COMMIT, **configuration)
    for other in (*others, {'commit': OLD_COMMIT}, {'github': 'https://github.com/mallory/ccextractor.git'}):
        make_run(**{**configuration, **other})
        assert refusal(old) is None, other


def test_a_run_that_a_person_created_is_superseded_by_the_platforms_own(make_run):
    by_hand, own = make_run(commit=OLD_COMMIT, branch='master'), make_run()

    assert refusal(by_hand) == (
        f'Commit 00000000 is superseded: run {own.id}, of another commit of pull request {PR}, is newer.')


# The second


def test_every_attempt_of_a_run_must_have_ended(linux, make_run):
    assert refusal(make_run(stages=())) == 'Run 2 is still queued.'

    retry_run(linux.id)
    assert refusal(linux) == 'Run 3, an attempt of the same run, is still queued.'
    end(3, TestStatus.preparation)
    assert refusal(linux) == 'Run 3, an attempt of the same run, is still running.'
    end(3)
    assert refusal(linux) is None


# The others


def test_the_author_of_a_pull_request_may_not_be_blocked(github, linux, caplog):
    for account, reason in ((ALICE, None), (AUTHOR, 'The author of pull request 1342 is blocked.')):
        seed.add(BlockedUsers(user_id=account))
        db.session.commit()
        assert refusal(linux) == reason, account
    # An account that was deleted.
    github.pulls[PR].user = None
    assert (refusal(linux), caplog.messages) == (None, [])


def test_a_closed_pull_request_of_a_blocked_author_is_closed(github, linux):
    seed.add(BlockedUsers(user_id=AUTHOR))
    db.session.commit()
    github.close_pull(PR)

    assert refusal(linux) == 'Pull request 1342 is closed.'


def test_a_run_without_a_pull_request_is_asked_for_its_build_only(github, make_run):
    assert refusal(make_run(**OF_MASTER)) is None
    assert github.asked == [BUILDS]


def test_a_run_may_be_retried_whose_build_is_kept(github, linux, windows):
    for run in (linux, windows):
        github.builds = [OTHER, Build(COMMIT, run.platform.value)]
        assert refusal(run) is None, run.platform
    for builds in ([], [OTHER], [Build(COMMIT, 'windows')], [Build(COMMIT, 'linux', expired=True)],
                   [*[OTHER] * MAX_ARTIFACTS_TO_SEARCH, WANTED]):
        github.builds = builds
        assert refusal(linux) == NO_BUILD, builds[-1:]
