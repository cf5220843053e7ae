"""The ready-made checks, which query GitHub or the runs (docs/github.rst, "Checks")."""

import logging
from datetime import timedelta

import pytest
import seed
from database import db
from mod_ci.models import BlockedUsers
from mod_test.models import Test, TestStatus, TestType
from support.changes import add_retries
from support.github import ALICE, AUTHOR, COMMIT, OLD_COMMIT, PR, SEARCH_LIMIT, Build
from support.histories import end

from mod_runs_api import Unprocessable, retry_run
from mod_runs_api.github import (CommentRefusal, author_is_not_blocked, build_artifact_exists, commit_is_not_superseded,
                                 every_attempt_has_ended, pull_request_is_open)
from mod_runs_api.service.checks import list_checks_of_automatic_retries, list_checks_of_comments
from mod_runs_api.settings import read_settings

GONE = ('The platform would find no build of commit 5f2a9c0e for linux: GitHub keeps builds for 90 days, and the '
        'platform looks at the newest ones only.')
WANTED, OTHER = Build(COMMIT, 'linux'), Build(OLD_COMMIT, 'linux')
#: The query for the pull request.
PULL_REQUEST = f'pull request {PR}'


class Refused(Exception):
    """GitHub's answer is an error, as PyGithub's exceptions say it."""

    status = 502


def checked_by(*checks):
    """Have retries checked."""
    return pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': list(checks)}], ids=['checks'])


def refusal(run):
    """Return why a run cannot be retried; None if it was."""
    try:
        retry_run(run.id)
    except Unprocessable as error:
        assert error.details == {'refusal': 'refused_by_check', 'run_id': run.id}
        return error.message
    return None


# Which are called


def own_check(_run):
    """Refuse nothing."""


@pytest.mark.parametrize(('list_checks', 'called'), [
    (list_checks_of_comments, [every_attempt_has_ended, own_check, build_artifact_exists]),
    (list_checks_of_automatic_retries, [commit_is_not_superseded, every_attempt_has_ended, own_check,
                                        pull_request_is_open, author_is_not_blocked, build_artifact_exists])])
def test_comments_and_automatic_retries_query_the_database_first_and_the_build_last(list_checks, called):
    settings = read_settings({'RUNS_API_BEFORE_RETRY': [build_artifact_exists, own_check, every_attempt_has_ended]})

    assert list(list_checks(settings)) == called


# The build


@checked_by(build_artifact_exists)
def test_a_run_may_be_retried_whose_build_is_kept(github, linux, windows):
    for run in (linux, windows):
        github.builds = [OTHER, Build(COMMIT, run.platform.value)]
        assert refusal(run) is None, run.platform
    for builds in ([], [OTHER], [Build(COMMIT, 'windows')], [Build(COMMIT, 'linux', expired=True)],
                   [*[OTHER] * SEARCH_LIMIT, WANTED]):
        github.builds = builds
        assert refusal(linux) == GONE, builds[-1:]


@checked_by(build_artifact_exists)
@pytest.mark.parametrize('question', ['artifacts', 'artifact 2', None])
def test_a_github_that_does_not_answer_refuses_nothing_and_keeps_its_token(github, linux, app, caplog, question):
    github.builds = [OTHER, OTHER]
    if question is None:
        app.config['GITHUB_TOKEN'] = ''
    else:
        github.faults = {question: ConnectionError('ghp_secret')}

    with caplog.at_level(logging.INFO):
        assert refusal(linux) is None

    error = 'mod_runs_api.host.github.NotConfigured' if question is None else 'ConnectionError: ***'
    assert f'the check build_artifact_exists raised {error}' in caplog.messages
    assert 'ghp_secret' not in caplog.text


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_BEFORE_RETRY': build_artifact_exists}])
def test_a_comment_queries_the_build_once_with_and_without_the_setting(github, comment, linux, rows):
    github.builds = []

    assert comment('/retry linux').refusals == (CommentRefusal('linux', linux.id, GONE),)
    assert rows.retries == []
    assert github.asked == [PULL_REQUEST, 'artifacts']


# The pull request and its author


@checked_by(pull_request_is_open)
def test_the_pull_request_of_a_run_must_be_open(github, linux):
    assert refusal(linux) is None
    assert github.asked == [PULL_REQUEST]

    github.close_pull(PR)
    assert refusal(linux) == 'Pull request 1342 is closed.'


@checked_by(author_is_not_blocked)
def test_the_author_of_a_pull_request_may_not_be_blocked(github, linux, caplog):
    for account, reason in ((ALICE, None), (AUTHOR, 'The author of pull request 1342 is blocked.')):
        seed.add(BlockedUsers(user_id=account))
        db.session.commit()
        assert refusal(linux) == reason, account
    # An account that was deleted.
    github.pulls[PR].user = None
    assert (refusal(linux), caplog.messages) == (None, [])


@checked_by(pull_request_is_open, author_is_not_blocked)
def test_a_run_without_a_pull_request_causes_no_query(github, make_run):
    assert refusal(make_run(test_type=TestType.commit, branch='master', pr_nr=0)) is None
    assert github.asked == []


@checked_by(build_artifact_exists, pull_request_is_open, author_is_not_blocked, commit_is_not_superseded)
@pytest.mark.parametrize(('silent', 'asked'), [
    (None, ['artifacts', PULL_REQUEST]), ('artifacts', ['artifacts']), (PULL_REQUEST, ['artifacts', PULL_REQUEST])])
def test_all_checks_together_send_each_query_once_and_wait_once_if_there_is_no_answer(github, linux, silent, asked):
    github.faults = {silent or '': ConnectionError()}

    assert refusal(linux) is None
    assert github.asked == asked


@checked_by(pull_request_is_open, author_is_not_blocked, build_artifact_exists)
def test_a_query_that_github_answers_with_an_error_keeps_no_other_from_being_sent(github, linux):
    github.lose_build(linux.commit)
    github.faults = {PULL_REQUEST: Refused()}

    assert refusal(linux) == GONE
    assert github.asked == [PULL_REQUEST, 'artifacts']


@checked_by(every_attempt_has_ended)
def test_every_attempt_of_a_run_must_have_ended(github, linux, make_run):
    assert refusal(make_run(stages=())) == 'Run 2 is still queued.'

    assert refusal(linux) is None
    assert refusal(linux) == 'Run 3, an attempt of the same run, is still queued.'
    end(3, TestStatus.preparation)
    assert refusal(linux) == 'Run 3, an attempt of the same run, is still running.'
    end(3)
    assert refusal(linux) is None
    assert github.asked == []


@checked_by(every_attempt_has_ended)
def test_an_attempt_whose_machine_is_lost_keeps_no_run_from_being_retried(make_run):
    make_run(stages=seed.STARTED, ago=timedelta(hours=4, minutes=-1))
    make_run(stages=seed.STARTED, ago=timedelta(hours=4, minutes=1))
    # The last row repeats the one before.
    live = make_run(stages=seed.STARTED, ago=timedelta(hours=9))
    seed.progress(live, TestStatus.testing)
    db.session.commit()

    assert [refusal(db.session.get_one(Test, run_id)) for run_id in (1, 2, 3)] == [
        'Run 1 is still running.', None, 'Run 3 is still running.']


@checked_by(every_attempt_has_ended)
def test_a_queued_attempt_whose_machine_is_lost_keeps_no_run_from_being_retried(make_run):
    lost, live = make_run(stages=()), make_run(stages=())
    for run, ago in ((lost, 5), (live, 5), (live, 1)):
        seed.machine(run.id, ago=timedelta(hours=ago))
    db.session.commit()

    assert [refusal(run) for run in (lost, live)] == [None, 'Run 2 is still queued.']


# The commit


OF_MASTER = {'test_type': TestType.commit, 'branch': 'master', 'pr_nr': 0}


@checked_by(commit_is_not_superseded)
@pytest.mark.parametrize(('configuration', 'where'), [({}, 'pull request 1342'), (OF_MASTER, 'branch master')])
def test_the_commit_of_a_run_is_superseded_by_a_later_one(make_run, configuration, where):
    old, new, retry = (make_run(commit=commit, **configuration) for commit in (OLD_COMMIT, COMMIT, OLD_COMMIT))
    add_retries(old.id, [retry.id])

    reason = f'Commit 00000000 is superseded: run {new.id}, of another commit of {where}, is newer.'
    assert refusal(old) == refusal(retry) == reason
    # A later retry of another commit supersedes nothing.
    assert refusal(new) is None


@checked_by(commit_is_not_superseded)
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


@checked_by(commit_is_not_superseded)
def test_a_run_that_a_person_created_is_superseded_by_the_platforms_own(make_run):
    by_hand, own = make_run(commit=OLD_COMMIT, branch='master'), make_run()

    assert refusal(by_hand) == (
        f'Commit 00000000 is superseded: run {own.id}, of another commit of pull request {PR}, is newer.')
