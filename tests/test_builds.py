"""Builds: attempts of one commit may be of several programs (docs/api.rst, "Builds")."""

from typing import Any

import pytest
import seed
from database import db
from flask import current_app
from flask.testing import FlaskClient
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestStatus
from support.api import ApiCall, Command
from support.histories import (FAIL, PASS, Came, add_attempts, end, finish,
                               retry_in_process)

from mod_runs_api import attempts_verdict

pytestmark = [pytest.mark.usefixtures('app'), pytest.mark.on_file]

ONE, OTHER = '1a2b3c4d' * 5, '5e6f7a8b' * 5


def build(run_id: int, commit: str | None) -> int:
    """Have the platform record what was built for a run, and return the run."""
    db.session.get_one(Test, run_id).built_commit = commit
    db.session.commit()
    return run_id


def other_builds(attempts: ApiCall, run_id: int) -> list[tuple[str, int]]:
    """Return the results of other builds in the last attempt of a run."""
    return [(one['built_commit_sha'], one['results']) for one in attempts(run_id).json['data'][-1]['other_builds']]


@pytest.mark.parametrize(('builds', 'history', 'verdict'), [
    ([ONE, OTHER], [FAIL, PASS], 'build_changed'), ([ONE[:7], OTHER], [PASS, FAIL], 'build_changed'),
    ([ONE[:7].upper(), ONE], [FAIL, PASS], 'flaky'),
    ([None, ONE], [FAIL, PASS], 'flaky'), (['', ONE], [FAIL, PASS], 'flaky'),
    # One pair of one build is enough, wherever it is.
    ([ONE, OTHER, OTHER], [FAIL, PASS, FAIL], 'flaky'), ([ONE, OTHER, ONE], [PASS, FAIL, FAIL], 'flaky'),
    ([ONE, OTHER], [FAIL, FAIL], 'failing_identically'), ([ONE, OTHER], [PASS, PASS], 'passed')])
def test_a_pass_and_a_failure_of_different_builds_prove_nothing_about_the_test(
        builds: list[str | None], history: list[Came], verdict: str) -> None:
    run_ids = add_attempts(history)
    for run_id, commit in zip(run_ids, builds):
        build(run_id, commit)

    found = attempts_verdict(run_ids[0])

    assert found.tests[0].verdict == verdict
    assert found.overall == (
        'fail' if found.tests[0].latest == 'fail' else 'unstable' if verdict == 'flaky' else 'pass')


def test_what_was_built_for_a_run_is_known_when_it_has_completed(
        attempts: ApiCall, command: Command, first: int, tests: list[RegressionTest]) -> None:
    build(first, f' {ONE} ')
    second = build(retry_in_process(first), OTHER)
    end(second, TestStatus.canceled)

    assert [one['built_commit_sha'] for one in attempts(first).json['data']] == [ONE, None]
    assert [line.split('\t')[14] for line in command('attempts', first).output.splitlines()] == [ONE[:8], '-']
    finish(second, tests)
    assert [one['built_commit_sha'] for one in attempts(first).json['data']] == [ONE, OTHER]


@pytest.mark.parametrize(('builds', 'expected'), [
    ([ONE, OTHER], [(ONE, 1)]), ([ONE, ONE[:9]], []), ([None, OTHER], []), ([ONE, None], [])])
def test_whoever_reads_a_run_with_results_of_another_build_is_told(
        attempts: ApiCall, command: Command, client: FlaskClient, first: int, tests: list[RegressionTest],
        builds: list[str | None], expected: list[tuple[str, int]]) -> None:
    runs_api: Any = current_app.jinja_env.globals['runs_api']
    report = runs_api['retry_report']
    build(first, builds[0])
    second = build(retry_in_process(first, failed_only=True), builds[1])
    finish(second, tests[1:])

    assert other_builds(attempts, first) == expected
    sentence = '1 of the results carried over was built from 1a2b3c4d.'
    assert (sentence in client.get(f'/test/{second}').text) == (sentence in report(second)) == bool(expected)
    line = command('attempts', first).output.splitlines()[-1]
    assert line.split('\t')[-1] == ('1a2b3c4d:1' if expected else '-')


def test_results_of_several_builds_are_counted_by_build(attempts: ApiCall, client: FlaskClient) -> None:
    tests = seed.regression_tests(4)
    first = build(finish(seed.run(tests).id, tests[:2], failed=tests[1:2]), ONE)
    second = build(finish(retry_in_process(first), tests[2:3]), OTHER)
    third = build(finish(retry_in_process(first, failed_only=True), tests[3:]), 'c' * 40)

    assert other_builds(attempts, third) == [(ONE, 2), (OTHER, 1)]
    sentence = '2 of the results carried over were built from 1a2b3c4d and 1 from 5e6f7a8b.'
    assert sentence in client.get(f'/test/{third}').text
    build(second, ONE[:12])
    assert other_builds(attempts, third) == [(ONE, 3)]


@pytest.mark.older_platform
def test_on_a_platform_without_the_column_nobody_knows(
        command: Command, first: int, tests: list[RegressionTest]) -> None:
    finish(retry_in_process(first, failed_only=True), tests[1:])

    lines = [line.split('\t') for line in command('attempts', first).output.splitlines()]
    assert [line[14:] for line in lines] == [['-', '-']] * 2
    assert {test.verdict for test in attempts_verdict(first).tests} == {'passed', 'flaky'}
