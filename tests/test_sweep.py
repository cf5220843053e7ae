"""
The sweep by its command: what it reads, writes and prints (docs/operations.rst, "The sweep").

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
from mod_ci.models import BlockedUsers, GcpInstance, MaintenanceMode
from mod_regression.models import RegressionTest
from mod_test.models import TestPlatform, TestProgress, TestStatus, TestType
from sqlalchemy import Connection, Engine, delete
from sqlalchemy.exc import OperationalError
from support.api import Command
from support.github import AUTHOR, COMMIT, PR, SETTINGS, GitHub
from support.histories import LOST_MACHINE, TIME_LIMIT, finish, report
from support.rows import Rows
from support.statements import Statement, before_statements, fail, record_statements, watch_statements

from mod_runs_api import retry_run

pytestmark = pytest.mark.on_file

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
#: A minute longer than a machine may be silent, and a minute less.
LONG, SHORT = 4 * HOUR + MINUTE, 4 * HOUR - MINUTE

FORK = 'https://github.com/somebody/ccextractor.git'
SETTLING = 'it ended less than 15 minutes ago, and an end is not final'
OPEN = 'the last 3 automatic attempts of linux were infrastructure failures, and no run of it has completed since'


class Line(NamedTuple):
    """A line of the sweep's output."""

    run_id: int
    what: str
    why: str
    new_run_id: int | None = None


@pytest.fixture
def app_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a platform that allows a run one automatic retry."""
    return {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 1, **settings}


@dataclass
class Scene:
    """The platform with three regression tests, GitHub, and ways to add runs and to sweep."""

    tests: list[RegressionTest]
    github: GitHub
    rows: Rows
    command: Command

    def sweep(self, *options: str) -> list[Line]:
        """Sweep, and return the lines."""
        done = self.command('sweep', '--json', *options)
        assert done.exit_code == 0, done.output
        return [Line(**json.loads(line)) for line in done.stdout.splitlines()]

    def run(self, message: str | None = TIME_LIMIT, *, number: int = 0, ago: timedelta = HOUR, results: int = 1,
            **configuration: Any) -> int:
        """
        Add the run of a pull request that ended an hour ago with a message; of its three tests the first passed.

        With None for a message it has not ended, and its last row is that old. Another number is another pull request.
        """
        run = seed.run(self.tests, **{'test_type': TestType.pull_request, 'branch': 'pull_request',
                                      'pr_nr': PR + number, 'commit': f'{number:040x}' if number else COMMIT,
                                      **configuration})
        if run.pr_nr not in self.github.pulls:
            self.github.open_pull(run.pr_nr, run.commit, AUTHOR)
        for status in (TestStatus.preparation, TestStatus.testing):
            write(run.id, status, status.value, ago=ago)
        for test in self.tests[:results]:
            seed.result(run, test)
        if message is not None:
            write(run.id, TestStatus.canceled, message, ago=ago)
        db.session.commit()
        return run.id


@pytest.fixture
def scene(tests: list[RegressionTest], github: GitHub, rows: Rows, command: Command) -> Scene:
    """Return a platform without runs."""
    return Scene(tests, github, rows, command)


def write(run_id: int, status: TestStatus, message: str = '', *, ago: timedelta = HOUR) -> None:
    """Write a progress row of some time ago, in UTC."""
    seed.add(TestProgress(run_id, status, message, datetime.now(timezone.utc) - ago))


def start_machine(run_id: int, *, ago: timedelta) -> None:
    """Write that a machine was started for a run some time ago, in local time."""
    seed.add(GcpInstance(f'linux-{run_id}', run_id, datetime.now() - ago))


def end(run_id: int, message: str | None = TIME_LIMIT) -> None:
    """Have a run be canceled with a message, by default given up; with None it completes."""
    write(run_id, TestStatus.completed if message is None else TestStatus.canceled, message or '')
    db.session.commit()


def restart(run_id: int) -> None:
    """Delete the progress of a run, as the platform's restart does."""
    db.session.execute(delete(TestProgress).where(TestProgress.test_id == run_id))
    db.session.commit()


def steps(lines: list[Line]) -> list[tuple[int, str]]:
    """Return each run with its step."""
    return [(line.run_id, line.what) for line in lines]


# Off


@pytest.mark.parametrize('app_settings', [SETTINGS, {**SETTINGS, 'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_it_is_off_unless_it_is_switched_on(scene: Scene) -> None:
    scene.run()
    start_machine(scene.run(None, ago=LONG, number=1), ago=LONG)
    db.session.commit()
    before = scene.rows.snapshot()

    assert scene.sweep() == []

    assert (scene.rows.snapshot(), scene.github.asked) == (before, [])


# Retries


def test_a_run_that_stopped_half_way_is_resumed_without_a_requester(scene: Scene) -> None:
    run = scene.run()

    assert scene.sweep() == [Line(run, 'retried', TIME_LIMIT, run + 1)]

    (retry,) = scene.rows.of('run_retry')
    assert (retry['source_run_id'], retry['failed_only'], retry['automatic'], retry['reason'], retry['user_id']) == (
        run, 1, 1, f'Automatic: {TIME_LIMIT}'.encode(), None)
    assert scene.rows.selection(run + 1) == [test.id for test in scene.tests[1:]]


def test_an_automatic_retry_leaves_out_tests_that_were_deactivated_meanwhile(scene: Scene) -> None:
    run = scene.run()
    scene.tests[2].active = False
    db.session.commit()

    for options, new_run_id in ((['--dry-run'], None), ([], run + 1)):
        assert scene.sweep(*options) == [Line(run, 'retried', TIME_LIMIT, new_run_id)]
    assert scene.rows.selection(run + 1) == [scene.tests[1].id]


def test_a_run_gets_one_step_of_a_sweep(scene: Scene) -> None:
    scene.run('Canceled by admin')
    full, lacking = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    finish(full, scene.tests, failed=scene.tests[:1])
    with before_statements(Engine, 'INSERT INTO run_carried_over', fail):
        end(lacking, None)

    for expected in (Line(lacking, 'carried over', '3 results'),
                     Line(lacking, 'retried', '2 of 2 results are missing')):
        for options in (['--dry-run'], []):
            assert [line._replace(new_run_id=None) for line in scene.sweep(*options)] == [expected]
    assert scene.sweep() == []


@pytest.mark.parametrize(('failed', 'taken'), [(0, []), (1, ['retried'])])
def test_a_failed_only_retry_that_failed_runs_its_own_tests_again_unless_they_have_passed_elsewhere(
        scene: Scene, failed: int, taken: list[str]) -> None:
    scene.run('Canceled by admin')
    full, canceled = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    end(canceled)
    finish(full, scene.tests, failed=scene.tests[1:1 + failed])

    assert [line.what for line in scene.sweep()] == taken
    assert scene.rows.selection(canceled + 1) == [test.id for test in scene.tests[1:] if taken]


def test_an_end_is_as_old_as_its_first_row_however_often_it_is_repeated(scene: Scene) -> None:
    run = scene.run(ago=24 * HOUR + MINUTE)
    for _ in range(3):
        write(run, TestStatus.canceled, TIME_LIMIT, ago=MINUTE)

    assert scene.sweep() == []


def test_an_end_is_found_behind_many_newer_rows_of_which_one_has_an_old_time(scene: Scene) -> None:
    run, lost = scene.run(), scene.run(None, ago=LONG, number=1)
    for _ in range(300):
        write(run, TestStatus.testing, ago=MINUTE)
    write(run, TestStatus.testing, ago=100 * HOUR)
    end(run)

    assert [line.run_id for line in scene.sweep()] == [lost, run]


def test_the_number_of_statements_does_not_depend_on_the_history(scene: Scene) -> None:
    counts = []
    for _ in range(2):
        for _ in range(200):
            scene.run(ago=100 * HOUR, results=0)
        with record_statements(Engine) as sent:
            assert scene.sweep() == []
        counts.append(len(sent))

    # Of six hundred progress rows of long ago it reads a few.
    assert counts[0] == counts[1]


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 2}])
def test_a_second_automatic_retry_needs_a_completion_on_the_platform_and_the_first_and_those_of_people_do_not(
        scene: Scene) -> None:
    run, other = (scene.run(number=number) for number in (1, 2))
    early, late, windows = (scene.run(None, results=3, number=number, platform=platform) for number, platform in (
        (8, TestPlatform.linux), (9, TestPlatform.linux), (10, TestPlatform.windows)))
    end(early, None)
    by_person = retry_run(run).new_run_id
    end(by_person)
    first, second = by_person + 1, by_person + 2
    assert scene.sweep() == [Line(other, 'retried', TIME_LIMIT, first), Line(by_person, 'retried', TIME_LIMIT, second)]
    needs_evidence = 'run {} has had an automatic retry, and no run of linux has completed since this one ended'

    # A run completes once, and another platform is no evidence.
    end(first)
    end(early, None)
    end(windows, None)
    for options in (['--dry-run'], []):
        assert scene.sweep(*options) == [Line(first, 'waiting', needs_evidence.format(other))]
    end(late, None)
    end(second)
    waiting = Line(second, 'waiting', needs_evidence.format(run))
    for options, new_run_id in ((['--dry-run'], None), ([], second + 1)):
        assert scene.sweep(*options) == [Line(first, 'retried', TIME_LIMIT, new_run_id), waiting]
    end(second + 1)
    assert scene.sweep() == [
        waiting, Line(second + 1, 'waiting', f'the automatic retries of run {other} are used up')]


PULL = [f'pull request {PR}']

#: What happens after run 1 has ended, and the queries to GitHub then, by the reason to wait.
REASONS: dict[str, tuple[Callable[[Scene], object], list[str]]] = {
    'run 2 of the same commit is newer': (lambda scene: scene.run('PR closed'), []),
    'run 3 of the same commit is newer': (lambda scene: retry_run(scene.run('PR closed')), []),
    f'of another commit of pull request {PR}, is newer.': (lambda scene: scene.run('PR closed', commit='0ff'), []),
    'linux is under maintenance': (
        lambda _: seed.add(MaintenanceMode(platform=TestPlatform.linux, disabled=True)), []),
    f'Pull request {PR} is closed.': (lambda scene: scene.github.close_pull(PR), PULL),
    f'The author of pull request {PR} is blocked.': (lambda _: seed.add(BlockedUsers(user_id=AUTHOR)), PULL),
    'the platform looks at the newest ones only.': (
        lambda scene: scene.github.lose_build(COMMIT), [*PULL, 'artifacts'])}


@pytest.mark.parametrize('why', REASONS)
def test_a_run_waits_for_a_reason_and_github_is_queried_no_more_than_necessary(scene: Scene, why: str) -> None:
    run = scene.run()
    happen, asked = REASONS[why]
    happen(scene)

    for options in (['--dry-run'], []):
        scene.github.asked.clear()
        (line,) = scene.sweep(*options)
        assert (line.run_id, line.what) == (run, 'waiting') and line.why.endswith(why)
        assert scene.github.asked == asked


def test_a_newer_run_or_the_maintenance_of_something_else_is_no_reason_to_wait(scene: Scene) -> None:
    run = scene.run()
    others: list[dict[str, Any]] = [
        {'platform': TestPlatform.windows}, {'github': FORK}, {'pr_nr': PR + 1},
        {'commit': '0ff', 'pr_nr': 0, 'branch': 'master', 'test_type': TestType.commit}]
    for configuration in others:
        scene.run('A new word', **configuration)
    for platform in TestPlatform:
        seed.add(MaintenanceMode(platform=platform, disabled=platform == TestPlatform.windows))

    assert steps(scene.sweep()) == [(run, 'retried')]


def test_checks_fail_closed_and_the_next_sweep_calls_them_again(scene: Scene) -> None:
    run = scene.run()
    scene.github.faults = {'artifacts': TimeoutError()}
    assert scene.sweep() == [Line(run, 'waiting', 'The check build_artifact_exists gave no answer.')]

    scene.github.faults.clear()
    assert steps(scene.sweep()) == [(run, 'retried')]


#: What happens while the checks are called for the first of two runs, once.
meanwhile: list[Callable[[], object]] = []

#: By what happens: the steps of the two runs, and the number of retries.
MEANWHILE: dict[str, tuple[Callable[[Scene, int, int], object], list[str], int]] = {
    'the run is canceled': (lambda scene, run, other: end(run, 'Canceled by admin'), ['waiting', 'retried'], 1),
    'the run is retried': (lambda scene, run, other: retry_run(run), ['waiting', 'retried'], 2),
    'another sweep takes its steps': (lambda scene, run, other: scene.sweep(), [], 2),
    'the other is canceled': (lambda scene, run, other: end(other, 'Canceled by admin'), ['retried', 'waiting'], 1)}


def let_happen(_run: object) -> None:
    """Let what is to happen meanwhile happen."""
    if meanwhile:
        meanwhile.pop()()


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': let_happen}])
@pytest.mark.parametrize('happens', MEANWHILE)
def test_a_step_checks_again_whether_it_is_due_after_the_checks_were_called(scene: Scene, happens: str) -> None:
    run, other = scene.run(results=0), scene.run(number=1, results=0)
    happen, expected, retries = MEANWHILE[happens]
    meanwhile.append(lambda: happen(scene, run, other))

    lines = scene.sweep()

    assert [line.what for line in lines] == expected
    assert {line.why for line in lines if line.what == 'waiting'} <= {
        f'Run {one} is not as it was when its retry was planned.' for one in (run, other)}
    assert len(scene.rows.of('run_retry')) == retries


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 2, 'RUNS_API_BEFORE_RETRY': let_happen}])
def test_a_step_checks_the_evidence_again(scene: Scene) -> None:
    run, other = scene.run(), scene.run(None, results=3, number=9)
    assert steps(scene.sweep()) == [(run, 'retried')]
    retry = other + 1
    end(retry)
    end(other, None)
    meanwhile.append(lambda: restart(other))

    assert steps(scene.sweep()) == [(retry, 'waiting')]
    assert len(scene.rows.of('run_retry')) == 1


# The circuit breaker


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 5}])
def test_the_breaker_of_a_platform_is_open_until_a_run_of_it_has_completed_after_the_last_failure(scene: Scene) -> None:
    early, late, elsewhere = (scene.run(None, results=3, number=number, platform=platform) for number, platform in (
        (7, TestPlatform.linux), (8, TestPlatform.linux), (9, TestPlatform.windows)))
    for number in range(1, 4):
        scene.run(number=number)
    *others, last = [line.new_run_id or 0 for line in scene.sweep()]
    for failed in others:
        end(failed)
    end(early, None)
    end(last)
    end(elsewhere, None)
    run, windows = scene.run(number=10), scene.run(number=11, platform=TestPlatform.windows)

    reasons = {line.run_id: line.why for line in scene.sweep()}
    assert (reasons[run], reasons[windows]) == (OPEN, TIME_LIMIT)
    end(late, None)
    assert (run, 'retried') in steps(scene.sweep())


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
def test_automatic_attempts_are_in_flight_on_their_platform_and_retries_by_people_are_not_counted(scene: Scene) -> None:
    scene.run(number=1)
    scene.sweep()
    for platform in TestPlatform:
        retry_run(scene.run(number=2, platform=platform))
    run, windows = scene.run(number=3), scene.run(number=3, platform=TestPlatform.windows)

    assert [(line.run_id, line.why) for line in scene.sweep()] == [
        (run, '1 automatic attempt of linux is in flight'), (windows, TIME_LIMIT)]


# Lost machines


def test_a_lost_machine_ends_its_run_and_the_status_of_its_commit_is_error(scene: Scene) -> None:
    run = scene.run(None, ago=LONG)
    start_machine(run, ago=LONG)

    assert scene.sweep() == [Line(run, 'ended', LOST_MACHINE)]

    end = scene.rows.of('test_progress', test_id=run)[-1]
    assert (end['status'], end['message']) == ('canceled', LOST_MACHINE)
    assert scene.github.statuses == [
        {'commit': COMMIT, 'state': 'error', 'description': LOST_MACHINE, 'context': 'CI - linux'}]
    assert scene.sweep() == [Line(run, 'waiting', SETTLING)]


@pytest.mark.parametrize(('machines', 'progress', 'is_ended'), [
    ([LONG], [], True), ([], [], False), ([], [SHORT, LONG], True), ([LONG], [SHORT], False),
    ([LONG, SHORT], [LONG], False)])
def test_all_machines_and_the_newest_row_are_signs_of_life(
        scene: Scene, machines: list[timedelta], progress: list[timedelta], is_ended: bool) -> None:
    run = seed.run(scene.tests).id
    for number, ago in enumerate(machines):
        seed.add(GcpInstance(f'linux-{number}', run, datetime.now() - ago))
    for status, ago in zip((TestStatus.preparation, TestStatus.testing), progress):
        write(run, status, ago=ago)

    assert scene.sweep() == [Line(run, 'ended', LOST_MACHINE)] * is_ended


@pytest.mark.parametrize('settings', [{'GCP_INSTANCE_MAX_RUNTIME': 300}])
def test_the_platforms_own_limit_counts_and_runs_are_ended_in_their_order(scene: Scene) -> None:
    runs = [scene.run(None, ago=ago, number=number) for number, ago in enumerate([7.5 * HOUR, 6.5 * HOUR, 7.5 * HOUR])]
    for run, ago in zip(runs, (7.5 * HOUR, 6.5 * HOUR)):
        start_machine(run, ago=ago)

    assert [line.run_id for line in scene.sweep()] == [runs[0], runs[2]]


def test_a_run_that_has_ended_is_not_ended_again_and_one_that_went_on_after_that_stays_a_decision(scene: Scene) -> None:
    completed, canceled = (seed.run(scene.tests).id for _ in range(2))
    write(completed, TestStatus.completed, ago=25 * HOUR)
    write(completed, TestStatus.testing, ago=25 * HOUR)
    write(canceled, TestStatus.canceled, TIME_LIMIT, ago=25 * HOUR)
    for run in (completed, canceled):
        start_machine(run, ago=25 * HOUR)
    went_on = scene.run('Canceled by admin', ago=5 * HOUR)
    write(went_on, TestStatus.testing, ago=LONG)

    assert scene.sweep('--dry-run') == scene.sweep() == [Line(went_on, 'ended', LOST_MACHINE)]
    assert scene.sweep() == []


def test_a_run_that_completes_just_before_it_is_ended_is_not_ended(scene: Scene) -> None:
    run = scene.run(None, ago=LONG)
    left = iter(['INSERT INTO test_progress (test_id, status, timestamp, message) '
                 f"VALUES ({run}, 'completed', '2026-11-24 00:00:00.000000', '')"])

    def complete_first(connection: Connection) -> None:
        for statement in left:
            connection.exec_driver_sql(statement)

    with before_statements(Engine, 'INSERT INTO test_progress', complete_first):
        assert scene.sweep() == []

    assert scene.rows.of('test_progress', test_id=run)[-1]['status'] == 'completed'
    assert scene.github.statuses == []


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': let_happen}])
@pytest.mark.parametrize('has_begun_again', [False, True])
def test_a_run_that_was_restarted_since_the_plan_is_not_ended(scene: Scene, has_begun_again: bool) -> None:
    lost, stopped = scene.run(None, ago=LONG), scene.run(number=1)

    def start_again() -> None:
        restart(lost)
        if has_begun_again:
            write(lost, TestStatus.preparation)
            db.session.commit()

    meanwhile.append(start_again)

    assert steps(scene.sweep()) == [(stopped, 'retried')]
    assert [row['status'] for row in scene.rows.of('test_progress', test_id=lost)] == ['preparation'] * has_begun_again


@pytest.mark.parametrize(('newer', 'settings'), [
    ({'pr_nr': PR + 1}, {}), ({'github': FORK}, {}), (None, {}), (None, {'GITHUB_TOKEN': ''})])
def test_a_newer_run_keeps_its_commit_status_and_a_run_is_ended_although_github_does_not_answer(
        scene: Scene, caplog: pytest.LogCaptureFixture, newer: dict[str, Any] | None, settings: dict[str, str]) -> None:
    run = scene.run(None, ago=LONG)
    if newer is None:
        scene.github.faults = {'status': TimeoutError()}
    else:
        scene.run('PR closed', **newer)

    assert steps(scene.sweep()) == [(run, 'ended')]
    assert scene.github.statuses == []
    logged = f'sweep: the commit status of run {run} is not posted: TimeoutError' in caplog.messages
    assert logged == (newer is None and not settings)


# The command


def test_a_dry_run_prints_the_same_and_writes_nothing(scene: Scene) -> None:
    for number in range(1, 5):
        scene.run(number=number)
    scene.run(number=5, platform=TestPlatform.windows)
    scene.run(None, ago=LONG)
    before, retries = scene.rows.snapshot(), scene.rows.of('run_retry')

    lines = scene.sweep('--dry-run')

    assert (scene.rows.snapshot(), scene.rows.of('run_retry'), scene.github.statuses) == (before, retries, [])
    assert lines == [line._replace(new_run_id=None) for line in scene.sweep()]
    assert [line.what for line in lines] == ['ended', 'retried', 'retried', 'waiting', 'waiting', 'retried']


def test_the_changes_of_a_step_count_from_the_next_sweep_on(scene: Scene) -> None:
    for number in (1, 2):
        scene.run(number=number)
    for line in scene.sweep():
        write(line.new_run_id or 0, TestStatus.testing, ago=LONG)
    scene.run(number=9)

    # Two that are lost make room for another, once they are ended.
    assert [line.what for line in scene.sweep()] == ['ended', 'ended', 'waiting']
    assert [line.what for line in scene.sweep()] == ['waiting', 'waiting', 'retried']


def test_it_prints_a_line_for_each_run_and_cuts_a_long_reason(scene: Scene) -> None:
    run = scene.run('GCP error:\n\t' + 'x' * 300)
    why = f'GCP error:\\n\\t{"x" * 300}'

    assert scene.command('sweep', '--dry-run').stdout == f'{run}\tretried\t-\t{why}\n'
    assert scene.command('sweep').stdout == f'{run}\tretried\t{run + 1}\t{why}\n'
    assert len(scene.rows.of('run_retry')[0]['reason']) == 255


# Carrying over


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_lacking_results_are_found_although_others_were_carried_over_before(scene: Scene) -> None:
    scene.run('Canceled by admin')
    full, lacking = (retry_run(1, failed_only=only).new_run_id for only in (False, True))
    write(full, TestStatus.testing)
    finish(lacking, scene.tests[1:2])
    assert len(scene.rows.carried_over(lacking)) == 1

    # Another attempt has it, and has not ended.
    report(full, scene.tests)
    assert scene.sweep() == []
    end(full, None)
    assert scene.sweep('--dry-run') == scene.sweep() == [Line(lacking, 'carried over', '1 result')]
    assert scene.sweep() == []
    assert len(scene.rows.of('test_result', test_id=lacking)) == 3


# Faults


AWAY = 'The database cannot be used at the moment. Try again later.'


@pytest.mark.parametrize(('fault', 'why', 'logged'), [
    (KeyError('a secret'), 'KeyError: the log has more', 'sweep: run 21: KeyError\n'),
    (OperationalError('SELECT secret', {}, sqlite3.OperationalError('database is locked')), AWAY, '')])
def test_a_run_that_raises_or_is_locked_does_not_keep_the_others_from_being_swept(
        scene: Scene, caplog: pytest.LogCaptureFixture, fault: Exception, why: str, logged: str) -> None:
    seed.bulk_runs(20, 1, 0)
    broken, run = scene.run(number=1), scene.run(number=2)
    db.session.commit()

    def fail_for_one(_connection: Connection, statement: Statement) -> None:
        if statement.startswith('INSERT') and broken in statement.parameters:
            raise fault

    with watch_statements(Engine, fail_for_one):
        assert scene.sweep() == [Line(broken, 'waiting', why), Line(run, 'retried', TIME_LIMIT, run + 1)]

    assert logged in caplog.text and 'secret' not in caplog.text


@pytest.mark.parametrize('words', ['', 'FROM blocked_users', 'INSERT INTO run_retry'])
def test_a_database_that_is_or_becomes_unavailable_is_exit_3_and_one_line(scene: Scene, words: str) -> None:
    scene.run()

    is_away = False

    def go_away(connection: Connection, statement: Statement) -> None:
        nonlocal is_away
        is_away = is_away or words in statement
        if is_away:
            fail(connection)

    with watch_statements(Engine, go_away):
        done = scene.command('sweep')

    assert (done.exit_code, done.stdout, done.stderr.splitlines()[-1]) == (3, '', f'Error: {AWAY}')
