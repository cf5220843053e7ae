"""Why a run ended, and where that is said (docs/api.rst, "Causes"). The table itself: tests/domain."""

import json

import pytest
import seed
from database import db
from mod_test.models import TestProgress, TestStatus
from support.api import read_lines
from support.changes import change_retries
from support.histories import finish, report, retry_in_process
from support.messages import TIME_LIMIT

from mod_runs_api.cli import CAUSE_COLUMNS


def cause(attempts, run, place=0):
    """Return the cause of an attempt and what decided."""
    attempt = attempts(run).json['data'][place]
    return attempt['cause'], attempt['cause_detail']


# Which results are missing


def missing(results):
    """Return the cause of a completed run that lacks some results."""
    return 'infrastructure', f'{results} results are missing'


@pytest.mark.parametrize(('passed', 'expected', 'without_category'), [
    (3, (None, None), (None, None)), (1, missing('2 of 3'), missing('2 of 3')),
    (0, missing('3 of 3'), missing('2 of 2'))])
def test_a_run_that_completed_is_whole_or_lacks_results(attempts, tests, passed, expected, without_category):
    # A test that is selected twice is missing once.
    run = seed.run([*tests, tests[2]], stages=seed.COMPLETED, passed=passed)
    assert cause(attempts, run) == expected

    # A test that no worker is given any more was selected if it ran.
    tests[0].categories.clear()
    assert cause(attempts, run) == without_category


def test_a_test_that_no_worker_is_given_any_more_is_not_missing_for_being_carried_over(attempts, tests):
    run_id = finish(seed.run(tests).id, tests, failed=tests[:1])
    tests[0].categories.clear()
    retry = finish(retry_in_process(run_id, failed_only=True), [])

    assert (attempts(retry).json['data'][1]['carried_over'], cause(attempts, retry, 1)) == (3, (None, None))


@pytest.mark.parametrize(('ran', 'expected'), [(2, (None, None)), (1, missing('1 of 2')), (0, missing('2 of 2'))])
def test_what_was_carried_over_is_no_result_of_its_own(attempts, tests, rows, ran, expected):
    run = seed.run(tests, passed=1)
    report(run.id, tests[1:], failed=tests[1:])
    run.results[0].runtime = 600_000
    seed.progress(run, TestStatus.canceled, message=TIME_LIMIT)
    assert cause(attempts, run) == ('code', TIME_LIMIT)
    retry = finish(retry_in_process(run.id, failed_only=True), tests[1:1 + ran])

    assert len(rows.of('test_result', test_id=retry)) == 3
    assert cause(attempts, retry, 1) == expected
    # Nor is it the test that hangs.
    seed.add(TestProgress(retry, TestStatus.canceled, TIME_LIMIT))
    assert cause(attempts, retry, 1)[0] == expected[0]


@pytest.mark.parametrize(('runtime', 'expected'), [(600_000, 'code'), (599_999, 'infrastructure')])
def test_a_test_hangs_if_the_worker_stopped_it_after_ten_minutes(attempts, tests, runtime, expected):
    run = seed.run(tests, stages=seed.CANCELED, message=TIME_LIMIT, passed=1)
    run.results[0].runtime = runtime

    assert cause(attempts, run) == (expected, TIME_LIMIT)


# Where they are said


def test_attempts_and_page_tell_the_cause_and_who_is_a_machine(attempts, client, tests):
    run = seed.run(tests, stages=seed.CANCELED, message=TIME_LIMIT, passed=1).id
    retry_in_process(run)
    change_retries(automatic=True)
    retry_in_process(run)

    listed = attempts(run).json['data']
    page = client.get(f'/test/{run}').text
    sentence = 'The run exceeded the time limit.'

    assert [(one['cause'], one['cause_detail'], one['cause_sentence'], one['automatic']) for one in listed] == [
        ('infrastructure', TIME_LIMIT, sentence, None), (None, None, None, True), (None, None, None, False)]
    assert f'</span>: <bdi>{sentence}</bdi>' in page and '>automatic</td>' in page


def test_the_command_counts_the_causes_of_the_last_runs_that_ended(command, tests, rows):
    for message in ('PR closed', TIME_LIMIT, TIME_LIMIT, 'Canceled by "admin"\t'):
        seed.run(tests, stages=seed.CANCELED, message=message, passed=1)
    seed.run(tests, stages=seed.COMPLETED, passed=3)
    for unfinished in ((), seed.STARTED):
        seed.run(tests, stages=unfinished)
    db.session.commit()
    before = rows.snapshot()

    found = json.loads(command('causes', '--json').output)
    printed = read_lines(command('causes', '--last', 4), CAUSE_COLUMNS)

    assert (found['runs'], found['whole']) == (5, 1)
    assert found['causes'] == {'decision': 2, 'build': 0, 'code': 0, 'infrastructure': 2, 'unknown': 0}
    assert found['details'][0] == {'cause': 'infrastructure', 'detail': TIME_LIMIT, 'count': 2}
    assert [(line['KIND'], line['RUNS']) for line in printed if line['MESSAGE'] == '-'] == [
        ('all', '4'), ('whole', '1'), ('decision', '1'), ('build', '0'), ('code', '0'), ('infrastructure', '2'),
        ('unknown', '0')]
    assert [(line['KIND'], line['RUNS'], line['MESSAGE']) for line in printed if line['MESSAGE'] != '-'] == [
        ('infrastructure', '2', TIME_LIMIT), ('decision', '1', 'Canceled by "admin"')]
    assert rows.snapshot() == before

    # More are counted than are read at once.
    seed.bulk_runs(450, 1)
    assert json.loads(command('causes', '--last', 1000, '--json').output)['whole'] == 451
