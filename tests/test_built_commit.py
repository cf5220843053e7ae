"""Builds: attempts of one commit may be of several programs (docs/api.rst, "Builds")."""

from typing import Any

import pytest
from database import db
from flask import current_app
from mod_test.models import Test, TestStatus
from support.histories import end, finish, retry_in_process

pytestmark = pytest.mark.usefixtures('app')

ONE, OTHER = '1a2b3c4d' * 5, '5e6f7a8b' * 5


def build(run_id, commit):
    """Have the platform record what was built for a run, and return the run."""
    db.session.get_one(Test, run_id).built_commit = commit
    db.session.commit()
    return run_id


def test_what_was_built_for_a_run_is_known_when_it_has_completed(attempts, first, tests):
    build(first, f' {ONE} ')
    second = retry_in_process(first)
    # It is not copied.
    assert db.session.get_one(Test, second).built_commit is None
    build(second, OTHER)
    end(second, TestStatus.canceled)

    assert [one['built_commit_sha'] for one in attempts(first).json['data']] == [ONE, None]
    finish(second, tests)
    assert [one['built_commit_sha'] for one in attempts(first).json['data']] == [ONE, OTHER]


@pytest.mark.parametrize(('builds', 'expected'), [
    ([ONE, OTHER], [{'built_commit_sha': ONE, 'results': 1}]), ([ONE, ONE[:9]], []), ([None, OTHER], [])])
def test_whoever_reads_a_run_with_results_of_another_build_is_told(
        attempts, client, first, tests, builds, expected):
    runs_api: Any = current_app.jinja_env.globals['runs_api']
    report = runs_api['retry_report']
    build(first, builds[0])
    second = build(retry_in_process(first, failed_only=True), builds[1])
    finish(second, tests[1:])

    assert attempts(first).json['data'][-1]['other_builds'] == expected
    sentence = '1 of the results carried over was built from 1a2b3c4d.'
    assert (sentence in client.get(f'/test/{second}').text) == (sentence in report(second)) == bool(expected)
