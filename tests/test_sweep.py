"""The sweep: what it carries over, ends and retries, and what keeps it from that (docs/operations.rst)."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import seed
import sqlalchemy.exc
from click.testing import Result
from database import db
from flask import Flask
from mod_ci.models import BlockedUsers, GcpInstance, MaintenanceMode
from mod_regression.models import RegressionTest
from mod_test.models import (Test, TestPlatform, TestProgress, TestStatus,
                             TestType)
from sqlalchemy import Engine, delete, event, update
from support.api import Command
from support.histories import finish, report
from support.rows import Rows, add_retries, change_retries
from support.statements import Statement

from mod_runs_api import (ServiceUnavailable, clock, retry_run, run_retried,
                          sweeper)
from mod_runs_api.causes import NOT_VISIBLE, OUT_OF_ORDER, TIME_LIMIT, VANISHED
from mod_runs_api.database.runs import Source
from mod_runs_api.github import build_artifact_exists, post_queued_status
from mod_runs_api.github.checks import list_ready_made
from mod_runs_api.signals import attempts_ended

PR, AUTHOR = 1342, 4711
COMMIT = '5f2a9c0e7d41b8836a1c4e90d2b7f3586ce1a904'
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

Line = dict[str, Any]
Sweep = Callable[..., list[Line]]


class GitHub:
    """What the sweep asks of GitHub, and tells it."""

    def __init__(self) -> None:
        self.statuses: list[tuple[Any, ...]] = []
        self.state = 'open'
        self.has_build = True
        self.answers = True
        #: Called when GitHub is asked for a build.
        self.meanwhile: Callable[[], object] = lambda: None

    def get_repo(self, name: str) -> GitHub:
        """Return the only repository."""
        if not self.answers:
            raise TimeoutError
        return self

    def get_commit(self, sha: str) -> str:
        """Return a commit."""
        return sha

    def get_pull(self, number: int) -> Any:
        """Return a pull request."""
        return SimpleNamespace(state=self.state, user=SimpleNamespace(id=AUTHOR))

    def get_artifacts(self) -> list[Any]:
        """Return nothing to look through."""
        return []

    def find_artifact(self, repository: Any, commit: str, platform: Any, log: Any) -> Any:
        """Return a build, as the platform's function does."""
        self.meanwhile()
        list(repository.get_artifacts())
        return SimpleNamespace(expired=False) if self.has_build else None


@pytest.fixture
def settings() -> dict[str, Any]:
    """Further settings of the application. Tests parametrize this fixture."""
    return {}


@pytest.fixture
def app_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a platform that allows a run one automatic retry."""
    return {'GITHUB_OWNER': 'CCExtractor', 'GITHUB_REPOSITORY': 'ccextractor', 'GITHUB_TOKEN': 'ghp_secret',
            'RUNS_API_AUTOMATIC_RETRIES': 1, **settings}


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> GitHub:
    """A GitHub that answers and has every build."""
    github = GitHub()
    module, controllers = ModuleType('github'), ModuleType('mod_ci.controllers')
    module.Auth = SimpleNamespace(Token=str)  # type: ignore[attr-defined]
    module.Github = lambda **options: github  # type: ignore[attr-defined]
    controllers.find_artifact_for_commit = github.find_artifact  # type: ignore[attr-defined]
    controllers.update_status_on_github = lambda *status, target_url: (  # type: ignore[attr-defined]
        github.statuses.append((*status, target_url)))
    monkeypatch.setitem(sys.modules, 'github', module)
    monkeypatch.setitem(sys.modules, 'mod_ci.controllers', controllers)
    return github


@pytest.fixture
def sweep(app: Flask, github: GitHub) -> Sweep:
    """Sweep, and return what it says."""
    def run(dry_run: bool = False) -> list[Line]:
        db.session.commit()
        return [step._asdict() for step in sweeper.Sweep(list_ready_made(), dry_run).run()]

    return run


@pytest.fixture
def tests(app: Flask) -> list[RegressionTest]:
    """Three regression tests."""
    return [seed.regression_test() for _ in range(3)]


MakeRun = Callable[..., Test]


@pytest.fixture
def make_run(tests: list[RegressionTest]) -> MakeRun:
    """
    Add the run of a pull request that ended an hour ago with a message; of its three tests the first passed.

    With None for a message it has not ended, and its last row is that old.
    """
    def make(message: str | None = TIME_LIMIT, *, ago: timedelta = HOUR, results: int = 1, commit: str = COMMIT,
             **configuration: Any) -> Test:
        run = seed.run(tests, commit=commit, **{'test_type': TestType.pull_request, 'branch': 'pull_request',
                                                'pr_nr': PR, **configuration})
        for status in (TestStatus.preparation, TestStatus.testing):
            write(run.id, status, status.value, ago=ago)
        for test in tests[:results]:
            seed.result(run, test)
        if message is not None:
            write(run.id, TestStatus.canceled, message, ago=ago)
        return run

    return make


def write(run_id: int, status: TestStatus, message: str = '', *, ago: timedelta = HOUR) -> None:
    """Write a progress row of some time ago, in UTC."""
    seed.add(TestProgress(run_id, status, message, datetime.now(timezone.utc) - ago))


def start_machine(run_id: int, *, ago: timedelta) -> None:
    """Write that a machine was started for a run some time ago, in local time."""
    seed.add(GcpInstance(f'linux-{run_id}', run_id, datetime.now() - ago))


def line(run_id: int, what: str, why: str, new_run_id: int | None = None) -> Line:
    """Return a line of the sweep's."""
    return {'run_id': run_id, 'what': what, 'new_run_id': new_run_id, 'why': why}


def die(run_id: int, message: str = TIME_LIMIT) -> None:
    """Have a run end without having run anything."""
    write(run_id, TestStatus.canceled, message)


def complete(run_id: int) -> None:
    """Have a run pass all its tests and complete."""
    run = db.session.get(Test, run_id)
    assert run is not None
    for row in run.customized_tests:
        seed.result(run, db.session.get_one(RegressionTest, row.regression_id))
    write(run_id, TestStatus.completed, 'Ran all tests')
    db.session.commit()


# Off


@pytest.mark.parametrize('app_settings', [{}, {'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_it_is_off_unless_it_is_switched_on(sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    make_run()
    start_machine(make_run(None, ago=9 * HOUR, commit='0ff').id, ago=9 * HOUR)
    db.session.commit()
    before = rows.snapshot()

    assert sweep() == []

    assert rows.snapshot() == before


def test_with_nothing_to_do_it_says_nothing(sweep: Sweep) -> None:
    assert sweep() == []


# Retries


def test_a_run_that_stopped_half_way_is_resumed(sweep: Sweep, make_run: MakeRun, tests: list[RegressionTest],
                                                rows: Rows) -> None:
    run = make_run()
    make_run('Canceled by admin', commit='0ff', pr_nr=2)

    assert sweep() == [line(run.id, 'retried', TIME_LIMIT, run.id + 2)]

    (retry,) = rows.of('run_retry')
    assert (retry['source_run_id'], retry['failed_only'], retry['automatic'], retry['reason'], retry['user_id']) == (
        run.id, 1, 1, f'Automatic: {TIME_LIMIT}'.encode(), None)
    assert rows.selection(run.id + 2) == [test.id for test in tests[1:]]


def test_a_run_without_results_is_run_again_in_full(sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    run = make_run(results=0)

    assert sweep() == [line(run.id, 'retried', TIME_LIMIT, run.id + 1)]

    assert not rows.of('run_retry')[0]['failed_only']
    assert len(rows.selection(run.id + 1)) == 3


def test_a_run_in_which_all_passed_is_run_again_in_full(sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    # It has rows for one test only, and passed it; nobody told the platform that it is complete.
    run = make_run(results=3)

    assert sweep() == [line(run.id, 'retried', TIME_LIMIT, run.id + 1)]

    assert not rows.of('run_retry')[0]['failed_only']


def test_a_long_reason_is_cut(sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    make_run('Artifact download failed: ' + 'x' * 300)

    sweep()

    assert len(rows.of('run_retry')[0]['reason']) == 255


@pytest.mark.parametrize('message', ['Canceled by admin', 'PR closed', 'Build failed: …', 'A new word'])
def test_what_infrastructure_did_not_end_is_not_retried(sweep: Sweep, make_run: MakeRun, message: str) -> None:
    make_run(message)

    assert sweep() == []


def test_code_that_hangs_is_not_retried(sweep: Sweep, make_run: MakeRun) -> None:
    make_run().results[0].runtime = 600_000

    assert sweep() == []


def test_a_run_that_completed_without_all_its_results_is_retried(sweep: Sweep, make_run: MakeRun,
                                                                 tests: list[RegressionTest]) -> None:
    some, none = make_run(None), seed.run(pr_nr=2, platform=TestPlatform.windows)
    for run in (some, none):
        write(run.id, TestStatus.completed, 'Ran all tests')

    assert sweep() == [line(some.id, 'retried', '2 of 3 results are missing', none.id + 1),
                       line(none.id, 'retried', 'all results are missing', none.id + 2)]


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 2}])
def test_a_retry_that_completed_without_a_result_of_its_own_is_retried_in_full(
        sweep: Sweep, make_run: MakeRun, tests: list[RegressionTest], rows: Rows) -> None:
    run = make_run()
    for test in tests[1:]:
        seed.result(run, test, seed.passing(test).exits(1))
    (retry,) = [step['new_run_id'] for step in sweep()]
    write(retry, TestStatus.completed, 'Ran all tests')
    db.session.commit()
    assert len(rows.carried_over(retry)) == 3

    assert sweep() == [line(retry, 'retried', '2 of 2 results are missing', retry + 1)]

    assert not rows.of('run_retry', source_run_id=retry)[0]['failed_only']


def test_a_run_that_has_completed_is_not_retried_whatever_came_after(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run(None, results=0)
    complete(run.id)
    die(run.id)

    assert sweep() == []


@pytest.mark.parametrize('end', [complete, lambda run_id: die(run_id, 'Canceled by admin')])
def test_a_run_that_ends_otherwise_after_it_was_found_is_not_retried(
        sweep: Sweep, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, end: Callable[[int], None]) -> None:
    run_id = make_run(results=0).id
    end(run_id)
    monkeypatch.setattr(sweeper, 'find_ended_by_infrastructure', lambda *arguments: [run_id])

    assert sweep() == []


def test_a_run_is_retried_once(sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    make_run()
    sweep()

    assert sweep() == []

    assert len(rows.of('run_retry')) == 1


def test_an_end_must_have_settled_for_a_quarter_of_an_hour(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run(ago=timedelta(minutes=14))

    assert sweep() == [line(run.id, 'waiting', 'it ended less than 15 minutes ago, and an end is not final')]


@pytest.mark.parametrize(('ago', 'is_retried'), [
    (timedelta(minutes=15, seconds=1), True), (24 * HOUR - MINUTE, True), (24 * HOUR + MINUTE, False)])
def test_an_end_is_retried_within_a_day(sweep: Sweep, make_run: MakeRun, ago: timedelta, is_retried: bool) -> None:
    make_run(ago=ago)

    assert [step['what'] for step in sweep()] == ['retried'] * is_retried


def test_the_last_row_is_the_end_that_must_have_settled(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run(ago=30 * HOUR)
    write(run.id, TestStatus.canceled, TIME_LIMIT, ago=HOUR)

    assert [step['what'] for step in sweep()] == ['retried']


def test_an_end_is_found_behind_many_newer_rows_of_which_one_has_an_old_time(sweep: Sweep, make_run: MakeRun) -> None:
    run, other = make_run(), make_run(commit='0ff', pr_nr=2)
    for _ in range(300):
        write(other.id, TestStatus.testing, ago=MINUTE)
    write(other.id, TestStatus.testing, ago=100 * HOUR)

    assert [step['run_id'] for step in sweep()] == [run.id]


def test_rows_of_no_run_are_passed_over(sweep: Sweep, make_run: MakeRun) -> None:
    run, vanished = make_run(), make_run(None, ago=LONG, commit='0ff', pr_nr=2)
    for number in range(2):
        seed.add(TestProgress(None, TestStatus.testing, ''))  # type: ignore[arg-type]
        seed.add(GcpInstance(f'linux-{number}', None, datetime(2020, 1, 1)))  # type: ignore[arg-type]

    assert [step['run_id'] for step in sweep()] == [vanished.id, run.id]


def test_a_newer_run_of_the_commit_is_enough(sweep: Sweep, make_run: MakeRun) -> None:
    run, _, newest = make_run(), make_run('PR closed'), make_run('PR closed')
    assert sweep() == [line(run.id, 'waiting', f'run {newest.id} of the same commit is newer')]

    retry = retry_run(newest.id).new_run_id
    assert sweep() == [line(run.id, 'waiting', f'run {retry} of the same commit is newer')]


@pytest.mark.parametrize('other', [{'platform': TestPlatform.windows}, {'pr_nr': PR + 1}, {'commit': '0ff'}])
def test_a_newer_run_of_something_else_is_none(sweep: Sweep, make_run: MakeRun, other: dict[str, Any],
                                               github: GitHub) -> None:
    run = make_run(pr_nr=0, test_type=TestType.commit, branch='master')
    make_run('A new word', **{'branch': 'other', 'pr_nr': 0, 'test_type': TestType.commit, **other})

    assert [step['what'] for step in sweep() if step['run_id'] == run.id] == ['retried']


def test_a_manual_retry_is_enough(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    db.session.commit()
    retry_run(run.id)

    assert sweep() == []


def test_a_retry_that_died_too_is_retried_where_the_first_run_has_one_left(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    db.session.commit()
    died = retry_run(run.id).new_run_id
    die(died)

    assert sweep() == [line(died, 'retried', TIME_LIMIT, died + 1)]

    die(died + 1)
    assert sweep() == [line(died + 1, 'waiting', f'the automatic retries of run {run.id} are used up')]


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES': 2}])
def test_a_first_run_gets_as_many_retries_as_are_set(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    for _ in range(2):
        (step,) = sweep()
        assert step['what'] == 'retried'
        die(step['new_run_id'])

    assert sweep() == [line(run.id + 2, 'waiting', f'the automatic retries of run {run.id} are used up')]


def test_a_platform_under_maintenance_waits(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    other = make_run(platform=TestPlatform.windows)
    seed.add(MaintenanceMode(platform=TestPlatform.linux, disabled=True))
    seed.add(MaintenanceMode(platform=TestPlatform.windows, disabled=False))

    assert sweep() == [line(run.id, 'waiting', 'linux is under maintenance'),
                       line(other.id, 'retried', TIME_LIMIT, other.id + 1)]


# The checks


def test_a_closed_pull_request_waits(sweep: Sweep, make_run: MakeRun, github: GitHub) -> None:
    run = make_run()
    github.state = 'closed'

    assert sweep() == [line(run.id, 'waiting', f'Pull request {PR} is closed.')]


def test_a_run_without_a_build_waits(sweep: Sweep, make_run: MakeRun, github: GitHub) -> None:
    run = make_run()
    github.has_build = False

    (step,) = sweep()

    assert (step['run_id'], step['what']) == (run.id, 'waiting')
    assert '90 days' in step['why'] and 'newest 500 artifacts' in step['why']


def test_a_blocked_author_waits(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    seed.add(BlockedUsers(user_id=AUTHOR))

    assert sweep() == [line(run.id, 'waiting', f'The author of pull request {PR} is blocked.')]


def test_a_superseded_commit_waits(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    later = make_run('PR closed', commit='0ff')

    (step,) = sweep()

    assert (step['run_id'], step['what']) == (run.id, 'waiting')
    assert f'run {later.id} is of a later commit' in step['why']


def test_no_answer_is_a_no_and_the_next_sweep_asks_again(sweep: Sweep, make_run: MakeRun, github: GitHub) -> None:
    run = make_run()
    github.answers = False
    assert sweep() == [line(run.id, 'waiting', 'build_artifact_exists has no answer.')]

    github.answers = True
    assert [step['what'] for step in sweep()] == ['retried']


def test_a_search_that_breaks_off_is_no_answer(sweep: Sweep, make_run: MakeRun, github: GitHub,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    monkeypatch.setattr(github, 'find_artifact', lambda *arguments: None)
    sys.modules['mod_ci.controllers'].find_artifact_for_commit = github.find_artifact  # type: ignore[attr-defined]

    assert sweep() == [line(run.id, 'waiting', 'build_artifact_exists has no answer.')]


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': build_artifact_exists}])
def test_a_person_is_not_refused_for_want_of_an_answer(app: Flask, make_run: MakeRun, github: GitHub) -> None:
    run = make_run()
    github.answers = False
    db.session.commit()

    assert retry_run(run.id).new_run_id == run.id + 1


def refuse(source: Any) -> str:
    """Refuse every retry."""
    return 'Not today.'


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': refuse}])
def test_the_checks_of_the_settings_are_asked_too(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()

    assert sweep() == [line(run.id, 'waiting', 'Not today.')]


def test_a_host_without_blocked_users_asks_the_other_checks(sweep: Sweep, make_run: MakeRun, app: Flask) -> None:
    object.__setattr__(app.extensions['mod_runs_api'].tables.host, 'BlockedUsers', None)
    make_run()

    assert [step['what'] for step in sweep()] == ['retried']


# The brake


def test_in_an_outage_of_ten_runs_two_are_in_flight_and_none_after_three_that_died(
        sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    outage = [make_run(commit=f'{number:040x}', pr_nr=number).id for number in range(1, 11)]

    first = sweep()
    assert [step['run_id'] for step in first] == outage
    assert [step['what'] for step in first] == ['retried'] * 2 + ['waiting'] * 8
    assert first[2]['why'] == '2 automatic attempts of linux are in flight'
    in_flight = [step['new_run_id'] for step in first[:2]]
    die(in_flight[0])

    second = [step for step in sweep() if step['run_id'] in outage]
    assert [step['what'] for step in second] == ['retried'] + ['waiting'] * 7
    die(in_flight[1])
    die(second[0]['new_run_id'])

    third = [step for step in sweep() if step['run_id'] in outage]
    assert [step['why'] for step in third] == [
        'the last 3 automatic attempts of linux died, and no run of it has completed since'] * 7

    complete(make_run(None, results=0, commit='0ff', pr_nr=11).id)
    fourth = [step for step in sweep() if step['run_id'] in outage]
    assert [step['what'] for step in fourth] == ['retried'] * 2 + ['waiting'] * 5
    assert len(rows.of('run_retry')) == 5

    for step in fourth[:2]:
        complete(step['new_run_id'])
    assert [step['what'] for step in sweep() if step['run_id'] in outage] == ['retried'] * 2 + ['waiting'] * 3


def test_a_run_of_another_platform_that_completes_does_not_let_the_brake_go(sweep: Sweep, make_run: MakeRun) -> None:
    for number in range(1, 4):
        make_run(commit=f'{number:040x}', pr_nr=number)
        died = [step['new_run_id'] for step in sweep() if step['new_run_id']]
        for run_id in died:
            die(run_id)
    run = make_run(commit='4', pr_nr=4)
    complete(make_run(None, results=0, commit='5', pr_nr=5, platform=TestPlatform.windows).id)
    windows = make_run(commit='6', pr_nr=6, platform=TestPlatform.windows)

    steps = {step['run_id']: step['what'] for step in sweep()}

    assert steps[run.id] == 'waiting'
    assert steps[windows.id] == 'retried'


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 5}])
def test_the_three_that_ended_last_decide_and_only_a_completion_after_them_lets_the_brake_go(
        sweep: Sweep, make_run: MakeRun) -> None:
    for number in range(1, 5):
        make_run(commit=f'{number:040x}', pr_nr=number)
    *others, newest = [step['new_run_id'] for step in sweep()]
    complete(newest)
    for run_id in others:
        die(run_id)
        if run_id != others[-1]:
            complete(make_run(None, results=0, commit=f'{run_id:040x}', pr_nr=run_id).id)
    # It is given up at each tick, but had completed.
    die(newest)
    run = make_run(commit='5', pr_nr=5)

    assert [step['why'] for step in sweep() if step['run_id'] == run.id] == [
        'the last 3 automatic attempts of linux died, and no run of it has completed since']


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1}])
def test_an_attempt_that_has_started_is_in_flight(sweep: Sweep, make_run: MakeRun) -> None:
    make_run(commit='1', pr_nr=1)
    (step,) = sweep()
    write(step['new_run_id'], TestStatus.testing, ago=MINUTE)
    run = make_run(commit='2', pr_nr=2)

    assert sweep() == [line(run.id, 'waiting', '1 automatic attempt of linux is in flight')]


def test_attempts_of_another_platform_and_those_of_people_are_not_in_flight(sweep: Sweep, make_run: MakeRun) -> None:
    for number in range(1, 3):
        make_run(commit=f'{number:040x}', pr_nr=number)
    assert [step['what'] for step in sweep()] == ['retried'] * 2
    for number in range(3, 5):
        by_hand = make_run(commit=f'{number:040x}', pr_nr=number, platform=TestPlatform.windows)
        db.session.commit()
        retry_run(by_hand.id)
    run = make_run(commit='5', pr_nr=5, platform=TestPlatform.windows)

    assert [(step['run_id'], step['what']) for step in sweep()] == [(run.id, 'retried')]


def test_the_newest_of_very_many_attempts_are_in_flight(sweep: Sweep, make_run: MakeRun) -> None:
    first, *retries = seed.bulk_runs(61, 1, 0)
    add_retries(first, retries)
    change_retries(automatic=True)
    for number in range(1, 4):
        make_run(commit=f'{number:040x}', pr_nr=number)

    assert [step['what'] for step in sweep()] == ['retried'] * 2 + ['waiting']


@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 55}])
def test_however_many_may_be_in_flight_they_are_counted(sweep: Sweep, make_run: MakeRun) -> None:
    first, *retries = seed.bulk_runs(56, 1, 0)
    add_retries(first, retries)
    change_retries(automatic=True, created_at=clock.now())
    db.session.execute(delete(TestProgress))
    make_run()

    assert [step['what'] for step in sweep()] == ['waiting']


def test_three_that_completed_without_results_are_an_outage(sweep: Sweep, make_run: MakeRun) -> None:
    for number in range(1, 4):
        make_run(commit=f'{number:040x}', pr_nr=number)
        (new_run_id,) = [step['new_run_id'] for step in sweep() if step['new_run_id']]
        write(new_run_id, TestStatus.completed, 'Ran all tests')
    run = make_run(commit='4', pr_nr=4)

    assert [step['why'] for step in sweep() if step['run_id'] == run.id] == [
        'the last 3 automatic attempts of linux died, and no run of it has completed since']


def test_two_that_died_and_one_that_completed_are_no_outage(sweep: Sweep, make_run: MakeRun) -> None:
    for number, ends in enumerate([die, die, complete], 1):
        make_run(commit=f'{number:040x}', pr_nr=number)
        (new_run_id,) = [step['new_run_id'] for step in sweep() if step['new_run_id']]
        ends(new_run_id)
    run = make_run(commit='4', pr_nr=4)

    assert [step['what'] for step in sweep() if step['run_id'] == run.id] == ['retried']


@pytest.mark.parametrize(('ago', 'what'), [(24 * HOUR - MINUTE, 'waiting'), (24 * HOUR + MINUTE, 'retried')])
def test_an_attempt_that_nobody_waits_for_any_more_is_not_in_flight(sweep: Sweep, make_run: MakeRun, ago: timedelta,
                                                                    what: str) -> None:
    for number in range(1, 3):
        make_run(commit=f'{number:040x}', pr_nr=number)
    sweep()
    change_retries(created_at=datetime.now(timezone.utc).replace(tzinfo=None) - ago)
    run = make_run(commit='3', pr_nr=3)

    assert [step['what'] for step in sweep() if step['run_id'] == run.id] == [what]


# What has vanished


#: A minute longer than a machine may be silent.
LONG = 4 * HOUR + MINUTE
SHORT = 4 * HOUR - MINUTE


def test_a_machine_that_was_never_heard_of_again_ends_its_run(
        sweep: Sweep, make_run: MakeRun, rows: Rows, github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run(None, ago=LONG)
    start_machine(run.id, ago=LONG)

    with caplog.at_level('INFO'):
        assert sweep() == [line(run.id, 'ended', VANISHED)]

    end = rows.of('test_progress', test_id=run.id)[-1]
    assert (end['status'], end['message']) == ('canceled', VANISHED)
    assert github.statuses == [(COMMIT, 'error', VANISHED, 'CI - linux', f'http://localhost/test/{run.id}')]
    assert f'run {run.id} is ended: its machine has vanished' in caplog.messages
    assert sweep() == [line(run.id, 'waiting', 'it ended less than 15 minutes ago, and an end is not final')]


def test_a_machine_without_a_word_ends_its_run(sweep: Sweep, tests: list[RegressionTest]) -> None:
    run = seed.run(tests)
    start_machine(run.id, ago=LONG)

    assert [step['what'] for step in sweep()] == ['ended']


@pytest.mark.parametrize(('ago', 'is_ended'), [
    (LONG, True), (28 * HOUR - MINUTE, True), (28 * HOUR + MINUTE, False)])
def test_progress_without_a_machine_ends_its_run_within_28_hours(sweep: Sweep, make_run: MakeRun, ago: timedelta,
                                                                 is_ended: bool) -> None:
    run = make_run(None, ago=ago)

    assert sweep() == [line(run.id, 'ended', VANISHED)] * is_ended


def test_runs_are_ended_in_their_order(sweep: Sweep, make_run: MakeRun) -> None:
    runs = [make_run(None, ago=LONG, commit=str(number), pr_nr=number) for number in range(3)]
    start_machine(runs[1].id, ago=LONG)

    assert [step['run_id'] for step in sweep()] == [run.id for run in runs]


def test_a_queued_run_is_not_ended(sweep: Sweep, tests: list[RegressionTest]) -> None:
    seed.run(tests)

    assert sweep() == []


@pytest.mark.parametrize(('machine', 'progress'), [(SHORT, SHORT), (LONG, SHORT), (SHORT, LONG)])
def test_a_machine_that_may_be_alive_is_not_ended(sweep: Sweep, make_run: MakeRun, machine: timedelta,
                                                  progress: timedelta) -> None:
    run = make_run(None, ago=progress)
    start_machine(run.id, ago=machine)

    assert sweep() == []


def test_any_row_that_is_young_keeps_a_run_from_being_ended(sweep: Sweep, tests: list[RegressionTest]) -> None:
    run = seed.run(tests)
    for status, ago in ((TestStatus.preparation, SHORT), (TestStatus.testing, LONG)):
        write(run.id, status, ago=ago)

    assert sweep() == []


@pytest.mark.parametrize('machines', [(SHORT, LONG), (LONG, SHORT)])
def test_the_younger_of_two_machines_counts(sweep: Sweep, make_run: MakeRun, machines: tuple[timedelta, ...]) -> None:
    run = make_run(None, ago=LONG)
    for number, ago in enumerate(machines):
        seed.add(GcpInstance(f'linux-{number}', run.id, datetime.now() - ago))

    assert sweep() == []


@pytest.mark.parametrize('settings', [{'GCP_INSTANCE_MAX_RUNTIME': 300}])
def test_the_platforms_own_limit_counts(sweep: Sweep, make_run: MakeRun) -> None:
    run, longer = make_run(None, ago=6.5 * HOUR), make_run(None, ago=7.5 * HOUR, commit='0ff')
    start_machine(run.id, ago=6.5 * HOUR)
    start_machine(longer.id, ago=7.5 * HOUR)

    assert [step['run_id'] for step in sweep()] == [longer.id]


@pytest.mark.parametrize('rows_before', [
    [(TestStatus.completed, 'Ran all tests'), (TestStatus.testing, 'Running tests')],
    [(TestStatus.canceled, 'Canceled by admin'), (TestStatus.testing, 'Running tests')],
    [(TestStatus.canceled, TIME_LIMIT)]])
def test_a_run_that_has_completed_ended_or_was_canceled_is_not_ended(
        sweep: Sweep, tests: list[RegressionTest], rows_before: list[tuple[TestStatus, str]]) -> None:
    run = seed.run(tests)
    for status, message in rows_before:
        write(run.id, status, message, ago=30 * HOUR)
    start_machine(run.id, ago=40 * HOUR)

    assert sweep() == []


def test_a_run_that_goes_on_meanwhile_is_not_ended(sweep: Sweep, make_run: MakeRun, app: Flask, rows: Rows,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(None, ago=LONG)
    run_id = run.id
    write_end = sweeper.write_end

    def late(database: Any, *arguments: Any) -> bool:
        database.connection.exec_driver_sql(
            f"INSERT INTO test_progress (test_id, status, timestamp, message) VALUES ({run_id}, 'completed', "
            "'2026-11-24 00:00:00.000000', 'Ran all tests')")
        return write_end(database, *arguments)

    monkeypatch.setattr(sweeper, 'write_end', late)

    assert sweep() == []

    assert rows.of('test_progress', test_id=run_id)[-1]['status'] == 'completed'


def test_a_newer_run_keeps_its_commit_status(sweep: Sweep, make_run: MakeRun, github: GitHub) -> None:
    run = make_run(None, ago=LONG)
    make_run('PR closed')

    assert [step['run_id'] for step in sweep() if step['what'] == 'ended'] == [run.id]

    assert github.statuses == []


def test_a_github_that_is_silent_does_not_keep_a_run_from_being_ended(
        sweep: Sweep, make_run: MakeRun, github: GitHub, caplog: pytest.LogCaptureFixture) -> None:
    run = make_run(None, ago=LONG)
    github.answers = False

    assert [step['what'] for step in sweep()] == ['ended']

    assert f'sweep: the commit status of run {run.id} is not posted: TimeoutError' in caplog.messages


def test_the_end_of_an_attempt_is_announced(sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run()
    (step,) = sweep()
    for status in (TestStatus.preparation, TestStatus.testing):
        write(step['new_run_id'], status, ago=LONG)
    ended: list[int] = []

    def receive(_app: Flask, *, run_id: int, root_run_id: int, overall: str) -> None:
        assert root_run_id == run.id
        ended.append(run_id)

    with attempts_ended.connected_to(receive):
        sweep()

    assert ended == [step['new_run_id']]


def test_a_host_without_machines_has_those_that_stopped_reporting(sweep: Sweep, make_run: MakeRun, app: Flask,
                                                                  tests: list[RegressionTest]) -> None:
    for model in ('GcpInstance', 'MaintenanceMode'):
        object.__setattr__(app.extensions['mod_runs_api'].tables.host, model, None)
    silent = seed.run(tests)
    start_machine(silent.id, ago=LONG)
    make_run(None, ago=LONG)
    stopped = make_run(commit='0ff', pr_nr=2)

    assert [(step['run_id'], step['what']) for step in sweep()] == [(stopped.id, 'retried')]


def cancel_by_hand(source: Source) -> None:
    """Answer nothing, while somebody cancels the run."""
    write(source.id, TestStatus.canceled, 'Canceled by admin')
    db.session.commit()


#: A retry by hand, or by another sweep, asks the check again.
asked: ContextVar[bool] = ContextVar('asked', default=False)


def retry_by_hand(source: Source) -> None:
    """Answer nothing, while somebody retries the run."""
    if not asked.get():
        asked.set(True)
        retry_run(source.id)


def sweep_as_well(source: Source) -> None:
    """Answer nothing, while another sweep comes to its end."""
    if not asked.get():
        asked.set(True)
        list(sweeper.Sweep([], dry_run=False).run())


@pytest.fixture(autouse=True)
def nobody_was_asked() -> None:
    """Begin anew."""
    asked.set(False)


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': sweep_as_well}])
def test_a_retry_that_another_sweep_has_made_meanwhile_is_made_once(
        sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    make_run()

    (step,) = sweep()

    assert (step['what'], step['new_run_id']) == ('retried', rows.of('run_retry')[0]['run_id'])
    assert len(rows.of('run_retry')) == 1


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': check} for check in (cancel_by_hand, retry_by_hand)])
def test_what_happens_while_github_is_asked_is_looked_at_before_a_retry_is_made(
        sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    run = make_run()

    assert [(step['what'], step['why']) for step in sweep()] == [
        ('waiting', f'Run {run.id} is not as it was when its retry was planned.')]
    assert [row['automatic'] for row in rows.of('run_retry')] in ([], [0])


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': lambda source: 0}])
def test_a_check_that_answers_nonsense_allows_no_automatic_retry(sweep: Sweep, make_run: MakeRun) -> None:
    make_run()

    assert [(step['what'], step['why']) for step in sweep()] == [('waiting', '<lambda> has no answer.')]


@pytest.mark.parametrize('settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_everything_runs_again_where_only_inactive_tests_did_not_pass(
        sweep: Sweep, make_run: MakeRun, tests: list[RegressionTest], rows: Rows) -> None:
    run = make_run(results=2)
    tests[2].active = False
    db.session.commit()

    (step,) = sweep()

    assert step['what'] == 'retried'
    assert rows.selection(step['new_run_id']) == [test.id for test in tests[:2]]
    assert rows.of('run_retry', source_run_id=run.id)[0]['failed_only'] == 0


@pytest.mark.parametrize('year', [1, 9999])
def test_a_time_at_the_edge_of_the_calendar_stops_no_sweep(sweep: Sweep, make_run: MakeRun, year: int) -> None:
    odd, run = make_run(None, ago=LONG), make_run(commit='0ff', pr_nr=2)
    start_machine(odd.id, ago=LONG)
    db.session.execute(update(GcpInstance).values(timestamp=datetime(year, 1, 1) if year == 1 else datetime.max))
    db.session.commit()

    assert (run.id, 'retried') in [(step['run_id'], step['what']) for step in sweep()]


# Times


@pytest.fixture(params=['UTC', 'America/New_York', 'Asia/Kolkata'])
def time_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """Live in a time zone."""
    before = os.environ.get('TZ')
    os.environ['TZ'] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ['TZ']
    else:
        os.environ['TZ'] = before
    time.tzset()


def write_at(run_id: int, status: TestStatus, message: str, written: datetime) -> None:
    """Write a progress row with a time as it is."""
    seed.add(TestProgress(run_id, status, message, written.replace(tzinfo=timezone.utc)))


@pytest.mark.parametrize('is_local', [True, False])
def test_a_fresh_end_is_never_retried_early(time_zone: str, is_local: bool, sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run(None, ago=2 * HOUR)
    now = datetime.now() if is_local else datetime.now(timezone.utc)
    write_at(run.id, TestStatus.canceled, OUT_OF_ORDER, now - timedelta(minutes=5))

    assert [step['what'] for step in sweep()] == ['waiting']


@pytest.mark.parametrize('is_local', [True, False])
def test_an_end_is_retried_whatever_time_it_was_written_in(time_zone: str, is_local: bool, sweep: Sweep,
                                                           make_run: MakeRun) -> None:
    run = make_run(None, ago=20 * HOUR)
    now = datetime.now() if is_local else datetime.now(timezone.utc)
    write_at(run.id, TestStatus.canceled, OUT_OF_ORDER, now - 12 * HOUR)

    assert [step['what'] for step in sweep()] == ['retried']


@pytest.mark.parametrize('is_local', [True, False])
def test_a_machine_is_never_given_up_early(time_zone: str, is_local: bool, sweep: Sweep,
                                           tests: list[RegressionTest]) -> None:
    run = seed.run(tests)
    now = datetime.now() if is_local else datetime.now(timezone.utc).replace(tzinfo=None)
    seed.add(GcpInstance(f'linux-{run.id}', run.id, now - 3 * HOUR))

    assert sweep() == []


def test_a_machine_is_given_up_whatever_time_zone_it_is(time_zone: str, sweep: Sweep, make_run: MakeRun) -> None:
    run = make_run(None, ago=12 * HOUR)
    start_machine(run.id, ago=12 * HOUR)

    assert [step['what'] for step in sweep()] == ['ended']


def test_an_end_in_the_future_is_not_retried(time_zone: str, sweep: Sweep, make_run: MakeRun) -> None:
    make_run(ago=-20 * HOUR)

    assert [step['what'] for step in sweep()] == ['waiting']


@pytest.mark.parametrize('time_zone', ['America/New_York'], indirect=True)
def test_of_an_hour_that_clocks_show_twice_the_second_counts(time_zone: str, sweep: Sweep, make_run: MakeRun,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(None)
    write_at(run.id, TestStatus.canceled, OUT_OF_ORDER, datetime(2026, 11, 1, 1, 30))
    # 1:40 for the second time.
    monkeypatch.setattr(clock, 'now', lambda: datetime(2026, 11, 1, 6, 40))

    assert [step['what'] for step in sweep()] == ['waiting']


# The dry run


def test_a_dry_run_says_the_same_and_writes_nothing(sweep: Sweep, make_run: MakeRun, rows: Rows,
                                                    github: GitHub) -> None:
    for number in range(1, 5):
        make_run(commit=f'{number:040x}', pr_nr=number)
    make_run(commit='5', pr_nr=5, platform=TestPlatform.windows)
    make_run(None, ago=LONG, commit='0ff')
    db.session.commit()
    before, retries = rows.snapshot(), rows.of('run_retry')

    said = sweep(dry_run=True)

    assert (rows.snapshot(), rows.of('run_retry'), github.statuses) == (before, retries, [])
    done = [step | {'new_run_id': None} for step in sweep()]
    assert said == done
    assert [step['what'] for step in said] == ['ended', 'retried', 'retried', 'waiting', 'waiting', 'retried']


def test_a_dry_run_asks_the_checks(sweep: Sweep, make_run: MakeRun, github: GitHub) -> None:
    run = make_run()
    github.state = 'closed'

    assert sweep(dry_run=True) == [line(run.id, 'waiting', f'Pull request {PR} is closed.')]


@pytest.mark.on_file
def test_the_command_prints_lines_for_people(command: Command, github: GitHub, make_run: MakeRun) -> None:
    run = make_run()

    assert command('sweep', '--dry-run').stdout == f'{run.id}\tretried\t-\t{TIME_LIMIT}\n'
    assert command('sweep').stdout == f'{run.id}\tretried\t{run.id + 1}\t{TIME_LIMIT}\n'


@pytest.mark.on_file
def test_the_command_asks_the_checks(command: Command, github: GitHub, make_run: MakeRun) -> None:
    run = make_run()
    github.state = 'closed'

    assert command('sweep').stdout == f'{run.id}\twaiting\t-\tPull request {PR} is closed.\n'


@pytest.mark.on_file
def test_a_message_of_several_lines_is_printed_in_one(command: Command, github: GitHub, make_run: MakeRun) -> None:
    run = make_run('GCP error:\n\tnobody knows')

    assert command('sweep').stdout == f'{run.id}\tretried\t{run.id + 1}\t"GCP error:\\n\\tnobody knows"\n'


@pytest.mark.on_file
def test_the_command_prints_json_lines(command: Command, github: GitHub, make_run: MakeRun) -> None:
    make_run(), make_run(commit='0ff', pr_nr=2)

    done = command('sweep', '--json')

    assert [json.loads(text) for text in done.stdout.splitlines()] == [
        line(1, 'retried', TIME_LIMIT, 3), line(2, 'retried', TIME_LIMIT, 4)]


# What was not carried over


def complete_unnoticed(run_id: int, rows: Rows) -> None:
    """Have a retry pass its tests and complete past the package, as if its process had died."""
    for regression_id in rows.selection(run_id):
        seed.result(db.session.get_one(Test, run_id), db.session.get_one(RegressionTest, regression_id))
    db.session.commit()
    with rows.engine.begin() as connection:
        connection.exec_driver_sql('INSERT INTO test_progress (test_id, status, timestamp, message) '
                                   f"VALUES ({run_id}, 'completed', '2026-11-24 00:00:00.000000', '')")


@pytest.mark.parametrize('settings', [{}, {'RUNS_API_AUTOMATIC_RETRIES': 0}])
def test_what_was_missed_is_carried_over(sweep: Sweep, make_run: MakeRun, rows: Rows) -> None:
    make_run('Canceled by admin')
    db.session.commit()
    retry = retry_run(1, failed_only=True).new_run_id
    complete_unnoticed(retry, rows)

    assert sweep(dry_run=True) == [line(retry, 'carried over', '1 result')]
    assert rows.of('run_carried_over') == []
    assert sweep() == [line(retry, 'carried over', '1 result')]
    assert sweep() == []
    assert len(rows.of('test_result', test_id=retry)) == 3


def test_what_was_missed_may_be_what_only_another_retry_has(
        sweep: Sweep, make_run: MakeRun, tests: list[RegressionTest], rows: Rows) -> None:
    make_run('Canceled by admin', results=0)
    db.session.commit()
    full = finish(retry_run(1).new_run_id, tests, failed=tests[1:])
    retry = retry_run(full, failed_only=True).new_run_id
    complete_unnoticed(retry, rows)

    assert sweep() == [line(retry, 'carried over', '1 result')]


def test_a_retry_that_ran_everything_again_costs_the_sweep_no_statement(
        sweep: Sweep, make_run: MakeRun, rows: Rows, statements: list[Statement]) -> None:
    make_run('Canceled by admin', results=0)
    db.session.commit()
    counts = []
    for _ in range(3):
        complete_unnoticed(retry_run(1, failed_only=True).new_run_id, rows)
        del statements[:]
        assert sweep() == []
        counts.append(len(statements))

    assert len(set(counts)) == 1


def test_nothing_is_said_while_the_attempt_that_has_the_results_has_not_ended(
        sweep: Sweep, make_run: MakeRun, tests: list[RegressionTest]) -> None:
    make_run('Canceled by admin', results=0)
    db.session.commit()
    report(retry_run(1).new_run_id, tests)
    complete(retry_run(1, failed_only=True).new_run_id)

    assert sweep(dry_run=True) == sweep() == []


# Faults


def test_a_run_that_raises_does_not_keep_the_others_from_being_swept(
        sweep: Sweep, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    broken, run = make_run(commit='1', pr_nr=1), make_run(commit='2', pr_nr=2)
    plan_retry, broken_id = sweeper.plan_retry, broken.id

    def plan(database: Any, run_id: int, *arguments: Any) -> Any:
        if run_id == broken_id:
            raise KeyError('a secret')
        return plan_retry(database, run_id, *arguments)

    monkeypatch.setattr(sweeper, 'plan_retry', plan)

    assert sweep() == [line(broken.id, 'waiting', 'KeyError: the log has more'),
                       line(run.id, 'retried', TIME_LIMIT, run.id + 1)]

    assert f'sweep: run {broken_id}: KeyError\n' in caplog.text


@pytest.mark.on_file
def test_a_database_that_is_away_is_exit_3_and_one_line(command: Command, github: GitHub, make_run: MakeRun) -> None:
    make_run()
    db.session.commit()

    def refuse(*_: Any) -> None:
        raise sqlalchemy.exc.OperationalError('', {}, sqlite3.OperationalError('disk I/O error'))

    event.listen(Engine, 'before_cursor_execute', refuse)
    try:
        done: Result = command('sweep')
    finally:
        event.remove(Engine, 'before_cursor_execute', refuse)

    assert done.exit_code == 3
    assert (done.stdout, done.stderr.splitlines()[-1]) == (
        '', 'Error: The database cannot be used at the moment. Try again later.')


def test_the_log_tells_automatic_retries_apart(sweep: Sweep, make_run: MakeRun,
                                               caplog: pytest.LogCaptureFixture) -> None:
    make_run()

    with caplog.at_level('INFO'):
        sweep()

    assert 'run 1 is retried as run 2 with 2 tests that did not pass, automatically' in caplog.messages


# What GitHub is told of a retry


@pytest.mark.parametrize(('message', 'description'), [
    (TIME_LIMIT, 'Tests queued again: time limit exceeded'),
    (VANISHED, 'Tests queued again: its machine has vanished'),
    ('', 'Tests queued again: the worker gave up'),
    (NOT_VISIBLE, 'Tests queued again: the build was not visible yet'),
    (OUT_OF_ORDER, 'Tests queued again: the worker gave up or its machine rebooted'),
    ('artifact', 'Tests queued again: the worker found no build on its machine'),
    ('Build failed: …', 'Tests queued again: Build failed: …'),
    ('GCP operation timed out. Again.', 'Tests queued again: GCP operation timed out. Again'),
    ('GCP operation timed out.' + 'x' * 200, ('Tests queued again: GCP operation timed out.' + 'x' * 200)[:140]),
    # Who canceled it, and why, is not told.
    ('Canceled by alice via API: wrong branch', 'Tests queued'),
    ('A new word', 'Tests queued'),
])
def test_the_commit_status_says_why_the_tests_are_queued_again(github: GitHub, make_run: MakeRun, message: str,
                                                               description: str) -> None:
    run = make_run(message)
    db.session.commit()

    with run_retried.connected_to(post_queued_status):
        retry_run(run.id)

    assert [status[2] for status in github.statuses] == [description]


def test_the_commit_status_of_a_run_that_its_results_decided_says_nothing_more(github: GitHub,
                                                                               make_run: MakeRun) -> None:
    run = make_run(None, results=0)
    complete(run.id)

    with run_retried.connected_to(post_queued_status):
        retry_run(run.id)

    assert [status[2] for status in github.statuses] == ['Tests queued']


def test_a_database_that_is_busy_about_one_run_does_not_keep_the_others_waiting(
        sweep: Sweep, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, run = make_run(commit='1', pr_nr=1), make_run(commit='2', pr_nr=2)
    submit, busy_id = sweeper.submit_request, busy.id

    def refuse(request: Any, checks: Any) -> Any:
        if request.run_id == busy_id:
            raise ServiceUnavailable
        return submit(request, checks)

    monkeypatch.setattr(sweeper, 'submit_request', refuse)

    assert [(step['run_id'], step['what']) for step in sweep()] == [(busy.id, 'waiting'), (run.id, 'retried')]


def test_a_database_that_goes_away_half_way_ends_the_sweep(sweep: Sweep, make_run: MakeRun,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    make_run()

    def refuse(*arguments: Any) -> Any:
        raise sqlalchemy.exc.OperationalError('', {}, sqlite3.OperationalError('gone'))

    monkeypatch.setattr(sweeper, 'plan_retry', refuse)
    monkeypatch.setattr(sweeper, 'ping', refuse)

    with pytest.raises(ServiceUnavailable):
        sweep()


@pytest.mark.on_file
@pytest.mark.parametrize('settings', [{'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 1000}])
def test_a_sweep_that_is_killed_at_any_statement_is_finished_by_the_next(sweep: Sweep, make_run: MakeRun, rows: Rows,
                                                                         engine: Engine) -> None:
    countdown, number = [0], 0

    def kill(*_: Any) -> None:
        countdown[0] -= 1
        if countdown[0] == 0:
            raise KeyboardInterrupt

    event.listen(engine, 'before_cursor_execute', kill)
    was_killed = True
    while was_killed:
        number += 1
        vanished = make_run(None, ago=LONG, commit=f'a{number}', pr_nr=2 * number).id
        stopped = make_run(commit=f'b{number}', pr_nr=2 * number + 1).id
        db.session.commit()
        countdown[0] = number
        try:
            sweep()
            was_killed = False
        except KeyboardInterrupt:
            db.session.rollback()
        countdown[0] = 0
        sweep()

        assert [row['message'] for row in rows.of('test_progress', test_id=vanished)][2:] == [VANISHED]
        (retry,) = rows.of('run_retry', source_run_id=stopped)
        assert len(rows.selection(retry['run_id'])) == retry['test_count'] == 2
        complete(retry['run_id'])
        # The next round is about other runs.
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE test_progress SET timestamp = '2020-01-01 00:00:00.000000' "
                                       "WHERE status <> 'completed'")
    event.remove(engine, 'before_cursor_execute', kill)

    assert number > 40
    assert len(rows.of('test')) == 3 * number


def test_the_number_of_statements_does_not_depend_on_the_history(sweep: Sweep, make_run: MakeRun,
                                                                 statements: list[Statement]) -> None:
    counts = []
    for _ in range(2):
        for _ in range(200):
            make_run(ago=100 * HOUR, results=0)
        db.session.commit()
        statements.clear()
        assert sweep() == []
        counts.append(len(statements))

    # Of six hundred progress rows of long ago it reads a few.
    assert counts[0] == counts[1]
