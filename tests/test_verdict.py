"""What all attempts together prove (docs/verdicts.rst, "The verdict on each test"), by route and report."""

import pytest
import seed
from database import db
from mod_regression.models import RegressionTest
from support.changes import delete_run
from support.executions import CRASH, FAIL, NO_FILE, OTHER_FAIL, PASS
from support.histories import add_attempts, finish, judge_in_process, retry_in_process

pytestmark = pytest.mark.usefixtures('app')

VERDICTS = ('passed', 'flaky', 'failing_identically', 'failing_differently', 'failed_once', 'never_ran',
            'build_changed', 'expectation_changed')


# The route


@pytest.fixture
def second(first, tests):
    """Its failed-only retry, in which the second test failed in the same way and the third passed."""
    return finish(retry_in_process(first, failed_only=True), tests[1:], failed=tests[1:2])


def test_the_route_answers_with_each_test_and_its_outcome_in_each_attempt(verdict, first, second, tests):
    response = verdict(first)

    found = [('passed', 'pass', 'pass', 'carried_over'), ('failing_identically', 'fail', 'fail', 'fail'),
             ('flaky', 'pass', 'fail', 'pass')]
    assert response == 200
    assert response.json == {
        'data': [{'regression_test_id': test.id, 'command': test.command, 'verdict': name, 'latest': latest,
                  'attempts': [{'run_id': first, 'attempt': 1, 'outcome': one},
                               {'run_id': second, 'attempt': 2, 'outcome': other}]}
                 for test, (name, latest, one, other) in zip(tests, found)],
        'pagination': {'limit': 50, 'offset': 0, 'total': 3, 'next_offset': None},
        'meta': {'run_id': first, 'root_run_id': first, 'attempts': [first, second], 'overall': 'fail',
                 'counts': {**dict.fromkeys(VERDICTS, 0), 'passed': 1, 'flaky': 1, 'failing_identically': 1},
                 'sentence': 'Over 2 attempts 1 test is flaky and 1 fails each time in the same way.'}}
    assert verdict(second).json == {**response.json, 'meta': {**response.json['meta'], 'run_id': second}}


@pytest.mark.parametrize(('query', 'places', 'total', 'next_offset'), [
    ('verdict=flaky&verdict=passed', [0, 2], 2, None), ('verdict=never_ran', [], 0, None),
    ('limit=2&offset=2', [2], 3, None), ('verdict=flaky&verdict=passed&limit=1', [0], 2, 1)])
def test_a_filter_and_a_page_limit_the_tests(verdict, first, second, tests, query, places, total, next_offset):
    answer = verdict(first, query_string=query).json

    assert [entry['regression_test_id'] for entry in answer['data']] == [tests[place].id for place in places]
    assert (answer['pagination']['total'], answer['pagination']['next_offset']) == (total, next_offset)
    assert sum(answer['meta']['counts'].values()) == 3


def test_an_unknown_verdict_is_refused(verdict, first):
    for query in ('verdict=flakey', 'verdict=', 'verdict=flaky&verdict=x'):
        response = verdict(first, query_string=query)
        assert (response.status_code, list(response.json['details']['fields'])) == (422, ['verdict']), query


def test_the_evidence_of_a_test_in_an_attempt_is_its_own():
    tests = judge_in_process(add_attempts([FAIL, OTHER_FAIL], [FAIL, FAIL], [OTHER_FAIL, CRASH])[0]).tests

    assert [test.verdict for test in tests] == ['failing_differently', 'failing_identically', 'failing_differently']


def test_a_file_of_any_older_run_shows_that_an_output_was_expected(verdict):
    older = seed.run()
    run_id = add_attempts([NO_FILE, PASS])[0]
    assert verdict(run_id).json['data'][0]['verdict'] == 'expectation_changed'

    seed.result(older, db.session.get_one(RegressionTest, 1))
    assert verdict(run_id).json['data'][0]['verdict'] == 'flaky'


# In the report on a pull request (docs/github.rst)


@pytest.fixture
def report(app):
    """Return what the line in the platform's template of its report adds."""
    return app.jinja_env.from_string('{{ runs_api.retry_report(run_id) }}').render


@pytest.mark.parametrize(('tests', 'text'), [
    ([[FAIL], [PASS]], ''),
    ([[PASS, PASS]], 'Over 2 attempts: every test passed each time it ran.'),
    ([[CRASH, CRASH], [FAIL, PASS], [PASS, PASS]],
     'Over 2 attempts: 1 test is flaky ({2}), 1 fails each time in the same way ({1}).'),
    ([[FAIL, PASS]] * 12,
     f'Over 2 attempts: 12 tests are flaky ({", ".join(f"{{{n}}}" for n in range(1, 11))}, and 2 more).'),
])
def test_a_line_states_what_the_attempts_prove_and_links_ten_tests_of_a_kind(report, tests, text):
    links = [f'[{test_id}](http://localhost/regression/test/{test_id}/view)' for test_id in range(len(tests) + 1)]

    assert report(run_id=add_attempts(*tests)[-1]) == text.format(*links)


def test_the_line_says_which_results_were_carried_over_and_links_the_runs_that_ran_them(report, first, tests):
    second = finish(retry_in_process(first, failed_only=True), tests[1:], failed=tests[2:])
    third = finish(retry_in_process(second, failed_only=True), tests[2:])

    assert report(run_id=first).endswith('/view)).')
    assert report(run_id=third).endswith(
        f'). 2 of the 3 results are carried over from [run {first}](http://localhost/test/{first}) (1) and '
        f'[run {second}](http://localhost/test/{second}) (1).')


def test_the_line_says_which_results_were_carried_over_if_the_attempts_prove_nothing(report, first, second):
    delete_run(first)

    assert report(run_id=second) == (
        f'1 of the 3 results is carried over from [run {first}](http://localhost/test/{first}).')


def test_a_fault_costs_the_line_and_not_the_report(report, caplog):
    assert report(run_id=99) == ''
    assert 'the verdicts of run 99 are missing in the report' in caplog.text
