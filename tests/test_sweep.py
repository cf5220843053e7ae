"""
The sweep by its command: what it reads, writes and prints (docs/how-it-works.rst, "The sweep").

Its decisions are in tests/domain/test_sweep.py.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
import seed
from database import db
from mod_ci.models import BlockedUsers, MaintenanceMode
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestPlatform, TestProgress, TestStatus, TestType
from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError
from support.api import AWAY
from support.changes import change_retries, restart_run
from support.github import AUTHOR, COMMIT, PR, SETTINGS, GitHub, GitHubError, RateLimitExceededException
from support.histories import finish, report
from support.messages import LOST_MACHINE, TIME_LIMIT
from support.rows import Rows
from support.statements import before_statements, fail, watch_statements

from mod_runs_api import retry_run
from mod_runs_api.domain.retry import request_automatically
from mod_runs_api.extension import extension_state
from mod_runs_api.service.conditions import policy_for_person
from mod_runs_api.service.retry import create_retry

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

FORK = 'https://github.com/somebody/ccextractor.git'


class Line(NamedTuple):
    """A line of the sweep's output."""

    run_id: int
    what: str
    why: str
    new_run_id: int | None = None


class Meanwhile:
    """Something that may happen once while GitHub is asked, after the tables were read."""

    happen: Callable[[], object] | None = None

    def __call__(self):
        """Let it happen."""
        happen, self.happen = self.happen, None
        if happen:
            happen()


@pytest.fixture
def meanwhile(github, monkeypatch):
    """Have something happen while GitHub is asked."""
    meanwhile, answer = Meanwhile(), github.get_pull

    def get_pull(number):
        meanwhile()
        return answer(number)

    monkeypatch.setattr(github, 'get_pull', get_pull)
    return meanwhile


@pytest.fixture
def app_settings(settings):
    """The settings of a platform that allows a run one automatic retry."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 1, **settings}


@dataclass
class Scene:
    """The platform with three regression tests, GitHub, and ways to add runs and to sweep."""

    tests: list[RegressionTest]
    github: GitHub
    rows: Rows
    command: Callable[..., Any]

    def sweep(self, *options):
        """Sweep, and return the lines."""
        done = self.command('sweep', '--json', *options)
        assert done.exit_code == 0, done.output
        return [Line(**json.loads(line)) for line in done.stdout.splitlines()]

    def run(self, message=TIME_LIMIT, *, number=0, ago=HOUR, results=1, **configuration):
        """
        Add the run of a pull request that ended an hour ago with a message; of its three tests the first passed.

        With None for a message it has not ended, and its last row is that old. Another number is another pull request.
        """
        run = seed.run(self.tests, stages=seed.STARTED if message is None else seed.CANCELED, message=message, ago=ago,
                       passed=results, **{
                           'test_type': TestType.pull_request, 'branch': 'pull_request', 'pr_nr': PR + number,
                           'commit': f'{number:040x}' if number else COMMIT, **configuration})
        if run.pr_nr not in self.github.pulls:
            self.github.open_pull(run.pr_nr, run.commit, AUTHOR)
        db.session.commit()
        return run.id

    def approved_run(self, *, number=0, ago=HOUR, **configuration):
        """Add a completed run of which the last of the three tests ended with code 1, which is expected by now."""
        run_id = self.run(None, number=number, ago=ago, results=2, **configuration)
        seed.result(db.session.get_one(Test, run_id), self.tests[2], exit_code=1, runtime=None)
        write(run_id, TestStatus.completed, ago=ago)
        self.tests[2].expected_rc = 1
        db.session.commit()
        return run_id

    def red_run(self, **configuration):
        """Add a completed run of the first of the three tests, which failed."""
        run = seed.run(self.tests[:1], **{'test_type': TestType.pull_request, 'branch': 'pull_request', 'pr_nr': PR,
                                          'commit': COMMIT, **configuration})
        return finish(run.id, self.tests[:1], failed=self.tests[:1])


@pytest.fixture
def scene(tests, github, rows, command):
    """Return a platform without runs."""
    return Scene(tests, github, rows, command)


def write(run_id, status, message='', *, ago=HOUR):
    """Write a progress row of some time ago, in UTC."""
    seed.add(TestProgress(run_id, status, message, datetime.now(timezone.utc) - ago))


def end(run_id, message=TIME_LIMIT):
    """Have a run be canceled with a message, by default because it ran out of time."""
    write(run_id, TestStatus.canceled, message)
    db.session.commit()


def complete(run_id):
    """Have a run complete."""
    write(run_id, TestStatus.completed)
    db.session.commit()


def steps(lines):
    """Return each run with its step."""
    return [(line.run_id, line.what) for line in lines]


# Off


@pytest.mark.parametrize('app_settings', [SETTINGS, {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_it_is_off_unless_it_is_switched_on(scene):
    scene.run()
    before = scene.rows.snapshot()

    assert scene.sweep() == []

    assert (scene.rows.snapshot(), scene.github.asked) == (before, [])


# Retries


def test_a_run_that_stopped_half_way_is_resumed_without_a_requester_and_inactive_tests(scene):
    run = scene.run()
    scene.tests[2].active = False
    db.session.commit()

    for options, new_run_id in ((['--dry-run'], None), ([], run + 1)):
        assert scene.sweep(*options) == [Line(run, 'retried', TIME_LIMIT, new_run_id)]

    (retry,) = scene.rows.of('run_retry')
    assert (retry['source_run_id'], retry['failed_only'], retry['automatic'], retry['reason'], retry['user_id']) == (
        run, 1, 1, b'Automatic: The run exceeded the time limit.', None)
    assert scene.rows.selection(run + 1) == [scene.tests[1].id]


def test_a_run_waits_if_none_of_its_tests_is_active_unless_they_were_approved(scene):
    stopped = scene.run(results=0)
    scene.approved_run(number=1)
    for test in scene.tests:
        test.active = False
    db.session.commit()

    # No retry makes the other one green.
    assert scene.sweep() == [Line(stopped, 'waiting', 'None of the tests to run is active now: 1, 2, 3.')]


def test_a_run_gets_one_step_of_a_sweep(scene):
    scene.run('Canceled by admin')
    full, incomplete = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    finish(full, scene.tests, failed=scene.tests[:1])
    with before_statements(Engine, 'INSERT INTO run_carried_over', fail):
        complete(incomplete)

    for expected in (Line(incomplete, 'carried over', '3 results'),
                     Line(incomplete, 'retried', '2 of 2 results are missing')):
        for options in (['--dry-run'], []):
            assert [line._replace(new_run_id=None) for line in scene.sweep(*options)] == [expected]
    assert scene.sweep() == []


def test_a_run_that_gets_results_is_not_retried_for_an_approval_in_the_same_sweep(scene):
    scene.approved_run()
    retry = retry_run(1, failed_only=True).new_run_id
    scene.tests[2].expected_rc = 0
    report(retry, scene.tests[2:], failed=scene.tests[2:])
    scene.tests[2].expected_rc = 139
    with before_statements(Engine, 'INSERT INTO run_carried_over', fail):
        complete(retry)

    assert steps(scene.sweep()) == [(retry, 'carried over')]
    assert steps(scene.sweep()) == [(retry, 'retried')]


def test_a_retry_with_a_newer_attempt_has_been_retried(scene):
    scene.run('Canceled by admin')
    failed, newest = (retry_run(1).new_run_id for _ in range(2))
    end(failed)
    end(newest, 'Canceled by admin')

    assert scene.sweep() == []


def test_a_failed_only_retry_that_ended_without_results_runs_its_own_tests_again(scene):
    scene.run('Canceled by admin')
    full, canceled = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    end(canceled)
    # It does not matter that they passed elsewhere.
    finish(full, scene.tests)

    assert scene.sweep() == [Line(canceled, 'retried', TIME_LIMIT, canceled + 1)]
    assert scene.rows.selection(canceled + 1) == [test.id for test in scene.tests[1:]]


def test_a_failed_only_retry_that_lost_only_its_end_is_retried_in_full(scene):
    scene.run('Canceled by admin')
    lost = retry_run(1, failed_only=True).new_run_id
    report(lost, scene.tests[1:])
    end(lost)

    assert scene.sweep() == [Line(lost, 'retried', TIME_LIMIT, lost + 1)]
    assert scene.rows.selection(lost + 1) == [test.id for test in scene.tests]


def test_a_retry_whose_missing_result_was_carried_over_as_passed_is_not_retried(scene):
    scene.run('Canceled by admin')
    full, incomplete = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    finish(full, scene.tests)
    report(incomplete, scene.tests[1:2])
    complete(incomplete)

    assert scene.sweep() == []


@pytest.fixture
def small_batches(monkeypatch):
    """Have two progress rows be read at once."""
    monkeypatch.setattr('mod_runs_api.database.sweep.ROWS_AT_ONCE', 2)


@pytest.mark.usefixtures('small_batches')
def test_an_end_is_found_behind_many_newer_rows_of_which_one_has_an_old_time(scene):
    run, older = scene.run(None), scene.run(number=1)
    for _ in range(5):
        write(run, TestStatus.testing, ago=MINUTE)
    write(run, TestStatus.testing, ago=100 * HOUR)
    end(run)

    assert [line.run_id for line in scene.sweep()] == [run, older]


@pytest.mark.usefixtures('small_batches')
def test_an_approved_output_is_found_for_a_week_however_many_rows_are_older_than_two_days(scene):
    output, produced, ago = scene.tests[2].output_files[0], seed.digest(), 150 * HOUR
    run_id = scene.run(None, results=2, ago=ago)
    seed.result(db.session.get_one(Test, run_id), scene.tests[2], {output.id: produced})
    write(run_id, TestStatus.completed, ago=ago)
    other = scene.run('A new word', number=1, ago=100 * HOUR)
    for _ in range(4):
        write(other, TestStatus.canceled, 'A new word', ago=100 * HOUR)
    assert scene.sweep() == []

    output.correct = produced

    assert steps(scene.sweep()) == [(run_id, 'retried')]


TWO_RETRIES = pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 2}])


@TWO_RETRIES
def test_a_second_automatic_retry_waits_until_a_run_of_the_platform_completes(scene):
    early, late, windows = (scene.run(None, results=3, number=number, platform=platform) for number, platform in (
        (7, TestPlatform.linux), (8, TestPlatform.linux), (9, TestPlatform.windows)))
    hollow, empty = (scene.run('Canceled by admin', number=number) for number in (10, 11))
    complete(early)
    scene.run(number=1)
    (line,) = scene.sweep()
    retry = line.new_run_id
    end(retry)
    # Neither a repeated completion counts, nor one of another platform or without all results.
    for completed in (early, windows, hollow):
        complete(completed)

    for options in (['--dry-run'], []):
        assert steps(scene.sweep(*options)) == [(retry, 'waiting')]
    for completed in (late, empty):
        complete(completed)
    assert scene.sweep() == [Line(retry, 'retried', TIME_LIMIT, retry + 1)]


PULL = [f'pull request {PR}']

#: What happens after run 1 has ended, and the queries to GitHub then, by the reason to wait.
REASONS = {
    f'of another commit of pull request {PR}, is newer.': (lambda scene: scene.run('PR closed', commit='0ff'), []),
    'linux is under maintenance': (
        lambda _: seed.add(MaintenanceMode(platform=TestPlatform.linux, disabled=True)), []),
    f'Pull request {PR} is closed.': (lambda scene: scene.github.close_pull(PR), PULL),
    f'The author of pull request {PR} is blocked.': (lambda _: seed.add(BlockedUsers(user_id=AUTHOR)), PULL),
    'the platform looks at the newest ones only.': (
        lambda scene: scene.github.lose_build(COMMIT), [*PULL, 'artifacts']),
    'test 1 failed in run 2 of the same commit': (lambda scene: scene.red_run(pr_nr=PR + 1), [])}


@pytest.mark.parametrize('why', REASONS)
def test_a_run_waits_for_a_reason_and_github_is_queried_no_more_than_necessary(scene, why):
    run = scene.run()
    happen, asked = REASONS[why]
    happen(scene)

    for options in (['--dry-run'], []):
        scene.github.asked.clear()
        (line,) = scene.sweep(*options)
        assert (line.run_id, line.what) == (run, 'waiting') and line.why.endswith(why)
        assert scene.github.asked == asked


OF_MASTER = {'pr_nr': 0, 'branch': 'master', 'test_type': TestType.commit}


@pytest.mark.parametrize('make_newer', [
    lambda scene, configuration: scene.run('Canceled by admin', **configuration),
    lambda scene, configuration: retry_run(scene.run('Canceled by admin', **configuration)).new_run_id],
    ids=['run', 'retry'])
def test_a_newer_run_replaces_one_of_a_pull_request_and_keeps_one_without_waiting(scene, make_newer):
    scene.run()
    make_newer(scene, {})
    of_master = scene.run(**OF_MASTER)
    newer = make_newer(scene, OF_MASTER)

    assert scene.sweep('--dry-run') == scene.sweep() == [
        Line(of_master, 'waiting', f'run {newer} of the same commit is newer')]


def test_of_two_runs_whose_fork_is_unknown_the_newer_one_counts(scene):
    old, new = scene.run(**OF_MASTER), scene.run('Canceled by admin', **OF_MASTER)
    db.session.execute(update(Test).values(fork_id=None))
    db.session.commit()

    assert scene.sweep() == [Line(old, 'waiting', f'run {new} of the same commit is newer')]


def test_a_newer_run_or_the_maintenance_of_something_else_is_no_reason_to_wait(scene):
    run = scene.run()
    others: list[dict[str, Any]] = [
        {'platform': TestPlatform.windows}, {'github': FORK}, {'pr_nr': PR + 1}, {'branch': 'by-hand'},
        {'commit': '0ff', 'pr_nr': 0, 'branch': 'master', 'test_type': TestType.commit}]
    for configuration in others:
        scene.run('A new word', **configuration)
    for platform in TestPlatform:
        seed.add(MaintenanceMode(platform=platform, disabled=platform == TestPlatform.windows))

    assert steps(scene.sweep()) == [(run, 'retried')]


@pytest.mark.parametrize(('question', 'why'), [
    (f'pull request {PR}', f'GitHub gave no answer about pull request {PR}.'),
    ('artifacts', 'GitHub gave no answer about the build of run 1.')])
def test_the_conditions_fail_closed_and_the_next_sweep_asks_again(scene, question, why):
    run = scene.run()
    scene.github.faults = {question: TimeoutError()}
    assert scene.sweep() == [Line(run, 'waiting', why)]

    scene.github.faults.clear()
    assert steps(scene.sweep()) == [(run, 'retried')]


IS_AWAY, RETRIED = 'GitHub did not answer the last requests.', 'retried'
SILENT = [f'GitHub gave no answer about pull request {PR + number}.' for number in range(5)]


def of_pulls(*numbers):
    """Return the configurations of runs of pull requests."""
    return [{'number': number} for number in numbers]


def about_pulls(error, *numbers):
    """Return GitHub's faults, by the question: an error about some pull requests."""
    return {f'pull request {PR + number}': error for number in numbers}


OTHER_OF_FIRST = {'number': 1, 'platform': TestPlatform.windows}

#: Runs, GitHub's faults, what becomes of each run, and the number of questions to GitHub.
SILENCES: list[Any] = [
    *[(of_pulls(1, 2, 3) + [OTHER_OF_FIRST], about_pulls(error, 1, 2, 3), [SILENT[1], SILENT[2], IS_AWAY, SILENT[1]], 2)
      for error in (TimeoutError(), GitHubError(429), GitHubError(500), RateLimitExceededException(403))],
    # GitHub cannot show one pull request.
    ([OTHER_OF_FIRST, *of_pulls(1, 2)], about_pulls(TimeoutError(), 1), [SILENT[1], SILENT[1], RETRIED], 3),
    # Any other error is an answer.
    *[(of_pulls(1, 2, 3), about_pulls(GitHubError(status), 1, 2), [SILENT[1], SILENT[2], RETRIED], 4)
      for status in (403, 404)],
    # An answer ends the silence.
    (of_pulls(1, 2, 3, 4), about_pulls(TimeoutError(), 1, 3), [SILENT[1], RETRIED, SILENT[3], RETRIED], 6),
    # A run without a pull request does not, because nothing is asked about it.
    ([{**OF_MASTER, 'number': number, 'branch': f'branch {number}'} for number in (1, 2)] + of_pulls(3),
     {'artifacts': TimeoutError()},
     [*(f'GitHub gave no answer about the build of run {run_id}.' for run_id in (1, 2)), IS_AWAY], 2)]


@pytest.mark.parametrize(('runs', 'faults', 'expected', 'questions'), SILENCES)
def test_after_silences_in_a_row_about_two_things_a_sweep_asks_no_more(scene, runs, faults, expected, questions):
    run_ids = [scene.run(**configuration) for configuration in runs]
    scene.github.faults = faults

    for options in (['--dry-run'], []):
        scene.github.asked.clear()
        lines = {line.run_id: line for line in scene.sweep(*options)}
        assert [RETRIED if lines[run_id].what == RETRIED else lines[run_id].why for run_id in run_ids] == expected
        assert len(scene.github.asked) == questions


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 3, 'RUNS_API_PENDING_STATUS': True}])
def test_after_two_statuses_about_two_commits_that_github_did_not_take_no_third_is_posted(scene, caplog):
    for number in (1, 2, 3):
        scene.run(number=number)
    scene.github.faults = {'status': TimeoutError()}

    made = [line.new_run_id for line in scene.sweep()]

    assert len(made) == 3
    assert [message for message in caplog.messages if 'status' in message] == [
        *(f'GitHub did not take the status of run {run}: TimeoutError' for run in made[:2]),
        f'the status of run {made[2]} is not posted: GitHub did not answer before']


@pytest.mark.parametrize('settings', [{'GITHUB_TOKEN': ''}])
def test_without_a_token_for_github_every_retry_waits(scene, caplog):
    runs = [scene.run(number=number) for number in range(3)]

    # This is no silence, which would end the questions.
    assert scene.sweep() == [Line(run, 'waiting', SILENT[number]) for number, run in enumerate(runs)]
    assert (scene.github.asked, caplog.messages) == ([], [])


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
def test_a_run_takes_a_slot_only_after_github_allowed_it(scene):
    closed, allowed = scene.run(number=1), scene.run(number=2)
    scene.github.close_pull(PR + 1)

    assert steps(scene.sweep()) == [(allowed, 'retried'), (closed, 'waiting')]


def test_runs_that_wait_are_listed_by_their_ids_whatever_they_wait_for(scene):
    closed, ended_just_now, without_build = scene.run(number=1), scene.run(number=2, ago=MINUTE), scene.run(number=3)
    scene.github.close_pull(PR + 1)
    scene.github.lose_build(f'{3:040x}')

    assert steps(scene.sweep()) == [(run, 'waiting') for run in (closed, ended_just_now, without_build)]


#: By what happens: the steps of the two runs, and the number of retries.
MEANWHILE = {
    'the run is canceled': (lambda scene, run, other: end(run, 'Canceled by admin'), ['waiting', 'retried'], 1),
    'the run is retried': (lambda scene, run, other: retry_run(run), ['waiting', 'retried'], 2),
    'its commit is superseded': (lambda scene, run, other: scene.red_run(commit='f' * 40), ['waiting', 'retried'], 1),
    # The second run has an attempt in the queue when it comes to it.
    'another sweep takes its steps': (lambda scene, run, other: scene.sweep(), ['waiting'], 2),
    'the other is canceled': (lambda scene, run, other: end(other, 'Canceled by admin'), ['retried', 'waiting'], 1)}


@pytest.mark.parametrize('happens', MEANWHILE)
def test_a_step_checks_again_whether_it_is_due_after_github_was_asked(scene, meanwhile, happens):
    run, other = scene.run(results=0), scene.run(number=1, results=0)
    happen, expected, retries = MEANWHILE[happens]
    meanwhile.happen = lambda: happen(scene, run, other)

    lines = scene.sweep()

    assert [line.what for line in lines] == expected
    assert {line.why for line in lines if line.what == 'waiting'} <= {
        f'Run {other + 2}, an attempt of the same run, is still queued.',
        f'Commit {COMMIT[:8]} is superseded: run {other + 1}, of another commit of pull request {PR}, is newer.',
        *(f'Run {one} is not as it was when its retry was planned.' for one in (run, other))}
    assert len(scene.rows.of('run_retry')) == retries


@TWO_RETRIES
def test_a_completion_counts_for_each_run_that_ended_before_it_and_the_newest_are_read(scene, monkeypatch):
    monkeypatch.setattr('mod_runs_api.service.sweep_plan.COMPLETED_RUNS_READ', 1)
    other, another = (scene.run(None, results=3, number=number) for number in (8, 9))
    sources = [scene.run(number=number) for number in (1, 2)]
    early, late = (line.new_run_id for line in scene.sweep())
    end(early)
    complete(other)
    end(late)

    assert steps(scene.sweep('--dry-run')) == [(early, 'retried'), (late, 'waiting')], sources
    complete(another)
    assert steps(scene.sweep('--dry-run')) == [(early, 'retried'), (late, 'retried')]


@TWO_RETRIES
def test_a_second_automatic_retry_waits_if_the_completed_run_is_restarted_after_the_plan(scene, meanwhile):
    run, other = scene.run(), scene.run(None, results=3, number=9)
    assert steps(scene.sweep()) == [(run, 'retried')]
    retry = other + 1
    end(retry)
    complete(other)
    meanwhile.happen = lambda: restart_run(other)

    assert steps(scene.sweep()) == [(retry, 'waiting')]
    assert len(scene.rows.of('run_retry')) == 1


# Failures that were approved since


EXPECTED_NOW = 'all its failures are expected now'


def test_a_run_whose_failures_were_approved_since_is_retried_with_these_tests_once(scene):
    run = scene.approved_run(ago=6 * 24 * HOUR)

    dry, (line,) = scene.sweep('--dry-run'), scene.sweep()

    assert dry == [line._replace(new_run_id=None)]
    assert line == Line(run, 'retried', EXPECTED_NOW, line.new_run_id)
    assert scene.rows.selection(line.new_run_id) == [scene.tests[2].id]
    assert scene.rows.retries[0].reason == f'Automatic: {EXPECTED_NOW}'
    assert scene.rows.one('run_retry')['automatic']
    assert scene.sweep() == []
    report(line.new_run_id, scene.tests[2:])
    complete(line.new_run_id)
    assert scene.sweep() == []


def test_a_run_of_which_a_passed_test_would_fail_today_is_not_retried(scene):
    scene.approved_run()
    scene.tests[0].output_files[0].correct = seed.digest()

    assert scene.sweep() == []


def test_a_failure_of_which_no_exit_code_was_expected_at_the_time_may_be_approved(scene):
    scene.tests[2].expected_rc = None
    run = scene.approved_run(ago=6 * 24 * HOUR)

    assert steps(scene.sweep()) == [(run, 'retried')]


def test_only_the_newest_attempt_is_retried_for_an_approval(scene):
    run = scene.approved_run()
    newest = retry_run(run, failed_only=True).new_run_id
    end(newest, 'Canceled by admin')
    # The pull request is opened again.
    scene.run(None, ago=MINUTE)

    assert scene.sweep() == []


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
def test_infrastructure_failures_are_retried_before_approved_ones(scene):
    healed, failed = scene.approved_run(), scene.run(number=1)

    assert steps(scene.sweep()) == [(failed, 'retried'), (healed, 'waiting')]


def test_an_approval_that_is_taken_back_after_the_plan_retries_nothing(scene, meanwhile):
    run = scene.approved_run()

    def take_back():
        db.session.execute(update(RegressionTest).values(expected_rc=0))
        db.session.commit()

    meanwhile.happen = take_back

    assert steps(scene.sweep()) == [(run, 'waiting')]
    assert scene.rows.retries == []


def test_a_run_that_was_retried_for_another_reason_since_the_plan_has_no_line(scene, meanwhile):
    run = scene.run()
    meanwhile.happen = lambda: create_retry(
        extension_state(), request_automatically(run, True, 'another reason'),
        policy_for_person(extension_state().settings))

    assert scene.sweep() == []
    assert [retry.reason for retry in scene.rows.retries] == ['Automatic: another reason']


# A status belongs to a commit


@pytest.mark.parametrize('add', [Scene.run, Scene.approved_run])
def test_a_run_waits_if_another_run_of_its_commit_stands_against_it(scene, add):
    run_id = add(scene)
    red = scene.red_run(branch='by-hand')

    assert scene.sweep() == [Line(run_id, 'waiting', f'test 1 failed in run {red} of the same commit')]


@pytest.mark.parametrize('configuration', [{'platform': TestPlatform.windows}, {'commit': '0ff'}])
def test_a_run_of_another_platform_or_commit_stands_against_nothing(scene, configuration):
    run_id = scene.run()
    scene.red_run(pr_nr=PR + 1, **configuration)

    assert steps(scene.sweep()) == [(run_id, 'retried')]


def test_a_run_of_the_pull_request_before_it_was_opened_again_stands_against_nothing(scene):
    scene.red_run()
    run_id = scene.run()

    assert steps(scene.sweep()) == [(run_id, 'retried')]


def test_a_run_by_hand_of_a_pull_request_stands_against_its_own_runs_and_others_by_hand(scene):
    red, own, by_hand = scene.red_run(branch='by-hand'), scene.run(), scene.run(branch='by-hand')

    why = f'test 1 failed in run {red} of the same commit'
    assert scene.sweep() == [Line(own, 'waiting', why), Line(by_hand, 'waiting', why)]


def test_runs_without_a_pull_request_stand_against_one_another(scene):
    scene.github.build(COMMIT)
    red, run_id = scene.red_run(**OF_MASTER), scene.run(**OF_MASTER)

    assert scene.sweep() == [Line(run_id, 'waiting', f'test 1 failed in run {red} of the same commit')]


def test_attempts_of_one_run_do_not_stand_against_one_another(scene):
    scene.github.build(COMMIT)
    first = seed.run(scene.tests, branch='master', commit=COMMIT).id
    finish(first, scene.tests, failed=scene.tests[:1])
    lost = retry_run(first).new_run_id
    report(lost, scene.tests[:1])
    end(lost)

    assert scene.sweep() == [Line(lost, 'retried', TIME_LIMIT, lost + 1)]
    assert scene.rows.selection(lost + 1) == [test.id for test in scene.tests[1:]]


def test_the_newest_retry_of_each_other_run_counts_and_a_green_run_hides_no_red_one(scene):
    run_id, healed, red = scene.run(), scene.red_run(pr_nr=PR + 1), scene.red_run(pr_nr=PR + 2)
    finish(retry_run(healed).new_run_id, scene.tests[:1])
    finish(seed.run(scene.tests, commit=COMMIT, pr_nr=PR + 3).id, scene.tests)

    assert scene.sweep() == [Line(run_id, 'waiting', f'test 1 failed in run {red} of the same commit')]


def test_a_run_waits_if_another_run_of_its_commit_fails_after_the_plan(scene, meanwhile):
    run_id = scene.run()
    meanwhile.happen = lambda: scene.red_run(branch='by-hand')

    assert steps(scene.sweep()) == [(run_id, 'waiting')]
    assert scene.rows.retries == []


def test_a_run_waits_while_another_attempt_of_it_runs(scene):
    scene.run('Canceled by admin')
    newest = retry_run(1).new_run_id
    end(newest)
    restart_run(1)
    write(1, TestStatus.testing)

    assert scene.sweep() == [Line(newest, 'waiting', 'Run 1, an attempt of the same run, is still running.')]


# How many at once


def test_as_many_automatic_attempts_are_read_as_may_be_in_flight(scene, monkeypatch):
    monkeypatch.setattr('mod_runs_api.service.sweep_plan.AUTOMATIC_ATTEMPTS_READ', 1)
    for number in (1, 2, 3):
        scene.run(number=number)

    assert [line.what for line in scene.sweep()] == ['retried', 'retried', 'waiting']
    assert [line.what for line in scene.sweep()] == ['waiting']


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
@pytest.mark.parametrize(('read', 'ended'), [(1, 0), (2, 1)])
def test_the_newest_automatic_attempts_are_read_more_than_may_be_in_flight(scene, app, monkeypatch, read, ended):
    monkeypatch.setattr('mod_runs_api.service.sweep_plan.AUTOMATIC_ATTEMPTS_READ', read)
    sources = [scene.run(number=number) for number in (1, 2)]
    first, = (line.new_run_id for line in scene.sweep() if line.new_run_id)
    end(first, 'Canceled by admin')
    second, = (line.new_run_id for line in scene.sweep() if line.new_run_id)
    if ended:
        restart_run(first)
        end(second, 'Canceled by admin')
    waiting = scene.run(number=3)

    assert steps(scene.sweep()) == [(waiting, 'waiting')], sources


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
def test_automatic_attempts_are_in_flight_on_their_platform(scene):
    scene.run(number=1)
    scene.sweep()
    for platform in TestPlatform:
        retry_run(scene.run(number=2, platform=platform))
    run, windows = scene.run(number=3), scene.run(number=3, platform=TestPlatform.windows)

    assert [(line.run_id, line.why) for line in scene.sweep()] == [
        (windows, TIME_LIMIT), (run, '1 automatic attempt of linux is in flight')]

    # After a day they do not count.
    for ago, step in ((24 * HOUR - MINUTE, 'waiting'), (24 * HOUR + MINUTE, 'retried')):
        change_retries(created_at=datetime.now(timezone.utc).replace(tzinfo=None) - ago)
        assert (run, step) in steps(scene.sweep('--dry-run'))


# The command


def test_a_dry_run_prints_the_same_and_writes_nothing(scene):
    for number in range(1, 5):
        scene.run(number=number)
    scene.run(number=5, platform=TestPlatform.windows)
    before, retries = scene.rows.snapshot(), scene.rows.of('run_retry')

    lines = scene.sweep('--dry-run')

    assert (scene.rows.snapshot(), scene.rows.of('run_retry'), scene.github.statuses) == (before, retries, [])
    assert lines == [line._replace(new_run_id=None) for line in scene.sweep()]
    assert [line.what for line in lines] == ['retried', 'retried', 'retried', 'waiting', 'waiting']


def test_the_changes_of_a_step_count_from_the_next_sweep_on(scene):
    for number in (1, 2):
        scene.run(number=number)
    in_flight = [line.new_run_id for line in scene.sweep()]
    scene.run(number=9)

    # Two that are lost make room for another, once the platform has ended them.
    assert [line.what for line in scene.sweep()] == ['waiting']
    for run in in_flight:
        end(run, LOST_MACHINE)
    assert [line.what for line in scene.sweep()] == ['retried', 'waiting', 'waiting']


def test_it_prints_a_line_for_each_run_and_cuts_a_long_reason(scene):
    run = scene.run('GCP error:\n\t' + 'x' * 300)
    why = f'GCP error:\\n\\t{"x" * 300}'

    assert scene.command('sweep', '--dry-run').stdout == f'{run}\tretried\t-\t{why}\n'
    assert scene.command('sweep').stdout == f'{run}\tretried\t{run + 1}\t{why}\n'
    assert len(scene.rows.of('run_retry')[0]['reason']) == 255


# Carrying over


@pytest.mark.parametrize(('ago', 'lines'), [(47 * HOUR, [Line(3, 'carried over', '3 results')]), (49 * HOUR, [])])
def test_results_are_carried_over_for_two_days_and_then_by_the_command(scene, ago, lines):
    scene.run('Canceled by admin')
    full, incomplete = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    finish(full, scene.tests)
    with before_statements(Engine, 'INSERT INTO run_carried_over', fail):
        write(incomplete, TestStatus.completed, ago=ago)
        db.session.commit()

    assert [line for line in scene.sweep('--dry-run') if line.what == 'carried over'] == lines
    assert scene.command('carry-over', incomplete).exit_code == 0
    assert len(scene.rows.carried_over(incomplete)) == 3


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_missed_results_are_found_although_others_were_carried_over_before(scene):
    scene.run('Canceled by admin')
    full, incomplete = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    write(full, TestStatus.testing)
    finish(incomplete, scene.tests[1:2])
    assert len(scene.rows.carried_over(incomplete)) == 1

    # Another attempt has it, and has not ended.
    report(full, scene.tests)
    assert scene.sweep() == []
    complete(full)
    assert scene.sweep('--dry-run') == scene.sweep() == [Line(incomplete, 'carried over', '1 result')]
    assert scene.sweep() == []
    assert len(scene.rows.of('test_result', test_id=incomplete)) == 3


# Faults


@pytest.mark.parametrize(('fault', 'why', 'logged'), [
    (KeyError('a secret'), 'KeyError: the log has more', 'sweep: run 21: KeyError\n'),
    (OperationalError('SELECT secret', {}, sqlite3.OperationalError('database is locked')), AWAY, '')])
def test_a_run_that_raises_or_is_locked_does_not_keep_the_others_from_being_swept(scene, caplog, fault, why, logged):
    seed.bulk_runs(20, 1, 0)
    broken, run = scene.run(number=1), scene.run(number=2)
    db.session.commit()

    def fail_for_one(_connection, statement):
        if statement.startswith('INSERT') and broken in statement.parameters:
            raise fault

    with watch_statements(Engine, fail_for_one):
        assert scene.sweep() == [Line(broken, 'waiting', why), Line(run, 'retried', TIME_LIMIT, run + 1)]

    assert logged in caplog.text and 'secret' not in caplog.text


@pytest.mark.parametrize('words', ['FROM blocked_users', 'INSERT INTO run_retry'])
def test_a_database_that_becomes_unavailable_exits_with_3(scene, words):
    scene.run()

    is_away = False

    def go_away(connection, statement):
        nonlocal is_away
        is_away = is_away or words in statement
        if is_away:
            fail(connection)

    with watch_statements(Engine, go_away):
        done = scene.command('sweep')

    assert (done.exit_code, done.stdout, done.stderr.splitlines()[-1]) == (3, '', f'Error: {AWAY}')
