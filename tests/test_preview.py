"""The preview of a retry: ``GET /runs/{run_id}/retry``, for the dialog, and ``--dry-run`` (docs/api.rst, "Preview")."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import seed
from database import db
from mod_regression.models import RegressionTest
from mod_test.models import TestPlatform, TestStatus, TestType
from support.executions import FAIL, NOT_RUN, PASS
from support.histories import add_attempts, end, finish, retry_in_process


def test_a_preview_lists_the_tests_of_both_kinds_of_retry_and_creates_nothing(preview, run_id, rows):
    before = rows.snapshot()
    tests = rows.selection(run_id)

    response = preview(run_id)

    assert response == 200
    assert response.json == {
        'run_id': run_id, 'status': 'fail',
        'all': {'test_count': 3, 'regression_test_ids': tests, 'inactive_ids': [], 'refusal': None},
        'failed_only': {'test_count': 2, 'regression_test_ids': tests[1:], 'inactive_ids': [], 'refusal': None,
                        'hint': None}}
    assert rows.snapshot() == before
    assert rows.retries == []


def deactivate(tests):
    """Make tests inactive."""
    for test in tests:
        test.active = False


CHANGES = {
    'none': lambda run, tests: None,
    'a failed test is inactive': lambda run, tests: deactivate(tests[1:2]),
    'all tests are inactive': lambda run, tests: deactivate(tests),
    'all passed': lambda run, tests: [seed.result(run, test) for test in tests[1:]],
    'it has not ended': lambda run, tests: seed.progress(run, TestStatus.testing)}


@pytest.mark.parametrize('app_settings', [
    {}, {'RUNS_API_INACTIVE_TESTS': 'drop'}, {'RUNS_API_CHECKS': True}], ids=['default', 'drop', 'superseded'])
@pytest.mark.parametrize('change', CHANGES)
def test_a_preview_agrees_with_the_retry_that_follows_it(preview, retry, tests, rows, change):
    run = seed.run(tests, stages=seed.COMPLETED)
    seed.result(run, tests[0])
    if change != 'all passed':
        seed.result(run, tests[1], exit_code=1)
    CHANGES[change](run, tests)
    # It supersedes the other, which matters with the conditions only.
    seed.run(tests, commit='0ff')

    found = preview(run).json

    for kind, option in ((False, found['all']), (True, found['failed_only'])):
        response = retry(run, {'failed_only': kind})
        if response.status_code == 202:
            assert option['refusal'] is None
            assert option['regression_test_ids'] == rows.selection(response.json['new_run_id']) != []
        else:
            assert option['refusal'] == response.json
            assert option['regression_test_ids'] == []
            assert option['inactive_ids'] == response.json['details'].get('inactive_ids', [])
        assert option['test_count'] == len(option['regression_test_ids'])


FORK = 'https://github.com/somebody/ccextractor.git'
PULL_REQUEST = {'test_type': TestType.pull_request, 'branch': 'pull_request', 'pr_nr': 7}


def hint_of(preview, run_id):
    """Return the hint of the preview of a failed-only retry."""
    return preview(run_id).json['failed_only']['hint']


def test_a_hint_compares_the_same_tests_on_master(preview, tests):
    old = finish(seed.run(tests).id, tests, failed=tests)
    master = finish(seed.run(tests).id, tests, failed=tests[:2])
    pull = finish(seed.run(tests, **PULL_REQUEST).id, tests, failed=tests)
    both = finish(seed.run(tests, branch='release').id, tests, failed=tests[:2])
    hardly = f'in run {master}, the newest of master: running'

    assert hint_of(preview, pull) == f'2 of the 3 fail in the same way {hardly} them again will hardly change that.'
    assert hint_of(preview, both) == f'All 2 fail in the same way {hardly} them again will hardly change that.'
    assert hint_of(preview, old) is None
    # What the attempts prove comes first. The attempt of master that ended last counts, with what was carried over.
    finish(retry_in_process(pull), tests, failed=tests)
    healed = finish(retry_in_process(master, failed_only=True), tests[:2], failed=tests[:1])
    assert hint_of(preview, pull) == (
        f'All 3 failed each time, in the same way. 1 of the 3 fails in the same way in run {healed}, the newest of '
        'master: running them again will hardly change that.')
    assert hint_of(preview, add_attempts([NOT_RUN, FAIL], [FAIL, PASS])[-1]) is None


def test_the_hint_of_an_older_attempt_says_what_passed_in_a_later_one(preview):
    first, _ = add_attempts([FAIL, PASS], [FAIL, FAIL])

    assert hint_of(preview, first) == (
        '1 of the 2 passed in another attempt: it is flaky. '
        '1 of the 2 failed each time, in the same way: running it again will hardly change that.')


def test_the_attempt_of_master_that_completed_counts_whatever_other_attempts_did(preview, tests):
    master = finish(seed.run(tests).id, tests, failed=tests)
    end(retry_in_process(master), TestStatus.canceled)
    pull = finish(seed.run(tests, **PULL_REQUEST).id, tests, failed=tests)

    assert hint_of(preview, pull).startswith(f'All 3 fail in the same way in run {master}, the newest of master')


#: The newest run of master, with the difference because of which a run with three crashed tests gets no hint.
NOT_COMPARABLE: dict[str, dict[str, Any]] = {
    'another repository': {'github': FORK}, 'another platform': {'platform': TestPlatform.windows},
    'another branch': {'branch': 'Master'}, 'the same commit': {'commit': 'c0ffee'},
    'a pull request': {'test_type': TestType.pull_request},
    'not completed': {'stages': seed.CANCELED}, 'another way to fail': {'exits': 1}, 'all passed': {'exits': 0}}


@pytest.mark.parametrize('case', NOT_COMPARABLE)
def test_there_is_no_hint_if_master_does_not_compare(preview, tests, case):
    changes = {'stages': seed.COMPLETED, 'exits': 139, **NOT_COMPARABLE[case]}
    exits = changes.pop('exits')
    pull = finish(seed.run(tests, commit='c0ffee', **PULL_REQUEST).id, tests, failed=tests)
    master = seed.run(tests, **changes)
    for test in tests:
        seed.result(master, test, exit_code=exits)

    assert hint_of(preview, pull) is None


def expect(test, code=None, output=None):
    """Have a regression test be expected to end with a code, or to make an output."""
    if code is not None:
        test.expected_rc = code
    if output is not None:
        test.output_files[0].correct = output


def forget_output(test):
    """Forget what is expected of the output of a test."""
    test.output_files[0].correct = None


def accept_and_expect(test, output):
    """Accept the output that is expected of a test, and expect another one, and that it ends with code 1."""
    seed.variant(test.output_files[0], test.output_files[0].correct)
    expect(test, 1, output)


CODE, OUTPUT = {'exit_code': 1}, {'produced': 'ab'}

#: What a test did, what is changed after the run, and whether the test would pass today.
APPROVALS: dict[str, tuple[dict[str, Any], Callable[[RegressionTest, RegressionTest], None], bool]] = {
    'the exit code': (CODE, lambda test, other: expect(test, 1), True),
    'the output': (OUTPUT, lambda test, other: expect(test, output='ab'), True),
    # A collation takes them for the same.
    'the output in upper case': (OUTPUT, lambda test, other: expect(test, output='AB'), False),
    # The output was as expected at the time.
    'the exit code, and another output': (CODE, lambda test, other: expect(test, 1, 'ab'), False),
    'that nothing is known of the output': (OUTPUT, lambda test, other: forget_output(test), False),
    'that the output belongs to another test': (
        OUTPUT, lambda test, other: other.output_files.append(test.output_files[0]), True),
    'the exit code, the output and a variant': (CODE, lambda test, other: accept_and_expect(test, 'ab'), True)}


@pytest.mark.parametrize('what', APPROVALS)
def test_a_hint_says_what_was_approved_since(preview, tests, what):
    (test, other, _), (done, approve, is_approved) = tests, APPROVALS[what]
    run = seed.run([test], stages=seed.COMPLETED, **PULL_REQUEST)
    files = {test.output_files[0].id: done['produced']} if done is OUTPUT else None
    seed.result(run, test, files, exit_code=done.get('exit_code', 0))
    assert hint_of(preview, run.id) is None

    approve(test, other)

    assert (hint_of(preview, run.id) == 'This test has the result that is expected now: running it again will probably '
                                        'pass.') == is_approved


@pytest.mark.parametrize('app_settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_hint_is_about_the_tests_that_would_run(preview, tests):
    run = finish(seed.run(tests).id, tests, failed=tests[1:])
    for test in tests[1:]:
        test.expected_rc = 139
    deactivate(tests[1:2])

    assert hint_of(preview, run) == (
        'This test has the result that is expected now: running it again will probably pass.')


def test_a_test_without_a_result_fails_in_no_way(preview, tests):
    finish(seed.run(tests).id, tests[:2], failed=tests[:1])
    pull = finish(seed.run(tests, **PULL_REQUEST).id, tests[1:], failed=tests[2:])

    assert hint_of(preview, pull) is None


def test_a_dry_run_looks_its_key_up_as_the_retry_does(command, run_id, rows):
    command('retry', run_id, '--key', 'k')
    dry = ['retry', run_id, '--dry-run', '--key']

    assert command(*dry, 'k').output == f'{run_id + 1}\n'
    assert json.loads(command(*dry, 'k', '--json').output) == {
        'run_id': run_id, 'new_run_id': run_id + 1, 'tests': 3, 'replayed': True}
    taken = command(*dry, 'k', '--failed-only')
    assert (taken.exit_code, 'belongs to another request' in taken.stderr) == (5, True)
    assert command(*dry, 'new').exit_code == 0
    assert len(rows.retries) == 1


def test_a_dry_run_prints_what_would_be_run(command, preview, rows):
    newest = add_attempts([FAIL, FAIL], [PASS, PASS])[-1]
    everything, failed, as_json = (command('retry', newest, '--dry-run', *options)
                                   for options in ((), ('--failed-only',), ('--json',)))

    assert everything.output == '2 tests\t1 2\n'
    assert failed.output == ('1 test\t1\tThis test failed each time, in the same way: '
                             'running it again will hardly change that.\n')
    assert json.loads(as_json.output) == preview(newest).json
    assert len(rows.retries) == 1


@pytest.mark.parametrize('app_settings', [{'RUNS_API_INACTIVE_TESTS': 'drop'}])
def test_a_dry_run_ends_with_the_inactive_tests_that_are_left_out(command, tests):
    run = finish(seed.run(tests).id, tests, failed=tests)
    finish(retry_in_process(run), tests, failed=tests)
    deactivate(tests[1:])

    assert command('retry', run, '--dry-run', '--failed-only').output == (
        '1 test\t1\tThis test failed each time, in the same way: running it again will hardly change that.\t'
        'without inactive tests 2 3\n')


def test_a_dry_run_of_a_retry_that_would_be_refused_exits_like_the_retry(command, run_id):
    for wrong in (['--as', 'nobody'], ['--key', 'a b']):
        assert command('retry', '--dry-run', run_id, *wrong).exit_code == 5, wrong
    deactivate(db.session.query(RegressionTest).all())
    for output in ([], ['--json']):
        assert command('retry', '--dry-run', run_id, *output).exit_code == 5, output
