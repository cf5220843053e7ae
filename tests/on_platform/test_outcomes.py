"""Where the platform counts results otherwise, on its own page and in its API (docs/verdicts.rst, "Outcomes")."""

import re
from typing import NamedTuple

import pytest

from .protocol import Reported, Story


class Answers(NamedTuple):
    """What everybody reports of a completed run with a test that passed and an odd one."""

    #: Whether the page shows the odd one as passed; None if it does not show it.
    passed_on_page: bool | None
    #: Status and counts by the platform's API, and by ``/retries``.
    api: Reported
    attempts: Reported
    #: The outcome of the odd one by ``/verdict``; None if it is not listed there.
    outcome: str | None
    #: Whether a failed-only retry runs the odd one.
    is_run_again: bool


def ask_everybody(story, run_id, odd):
    """Complete a run, and return what everybody reports of it."""
    story.rows.complete(run_id)
    outcomes = {entry['regression_test_id']: entry['attempts'][0]['outcome'] for entry in story.verdict(run_id)['data']}
    answer = story.request('POST', f'/runs/{run_id}/retry', json_body={'failed_only': True})
    again = [row['regression_id'] for row in story.rows.of('customized_test') if row['test_id'] > run_id]
    assert (answer['status'], again) in ((202, [odd]), (422, []))
    return Answers(story.categories(run_id)['General'].get(odd), story.reported(run_id), story.listed(run_id),
                   outcomes.get(odd), bool(again))


@pytest.fixture(scope='module')
def status_if_a_result_is_missing(process, rows, telling):
    """Return the status that the checkout's API gives such a run: pull request #1179 changed it to "error"."""
    story = Story(process, rows, telling)
    tests = [story.rows.regression_test(), story.rows.regression_test()]
    run_id = story.push(tests)
    story.rows.result(run_id, tests[0])
    story.rows.complete(run_id)

    status = story.reported(run_id).status
    assert status in ('pass', 'error')
    return status


PASSES, FAILS, LACKS = Reported('pass', 2, 2, 0, 0), Reported('fail', 2, 1, 1, 0), Reported('error', 2, 1, 0, 1)

#: The odd test: its outputs, how often it is selected, its result (None: it has none), and the answers.
ODD = {
    'no exit code and none expected': (
        0, 1, {'exit_code': None, 'expected_rc': None}, Answers(True, PASSES, FAILS, 'fail', True)),
    'no result': (1, 1, None, Answers(False, LACKS, LACKS, 'not_run', True)),
    'no result, no outputs': (0, 1, None, Answers(True, LACKS, LACKS, 'not_run', True)),
    'failed, not selected': (1, 0, {'exit_code': 1}, Answers(None, Reported('fail', 1, 1, 1, 0), FAILS, 'fail', True)),
    'selected twice': (1, 2, {}, Answers(True, Reported('error', 3, 2, 0, 1), PASSES, 'pass', False)),
    'another output, exit code as expected': (
        1, 1, {'exit_code': 10, 'expected_rc': 10, 'got': 'something else'},
        Answers(False, FAILS, FAILS, 'fail', True)),
    'in no category, no result': (1, 1, None, Answers(None, LACKS, Reported('pass', 1, 1, 0, 0), None, False)),
    'one of several outputs without a file': (1, 1, {}, Answers(True, FAILS, FAILS, 'missing_output', True)),
}


@pytest.mark.parametrize('case', ODD)
def test_page_api_and_package_say_what_the_table_says(story, status_if_a_result_is_missing, case):
    outputs, selections, result, expected = ODD[case]
    good, odd = story.rows.regression_test(), story.rows.regression_test(
        outputs=outputs, category_id=None if case == 'in no category, no result' else 1)
    run_id = story.push([good] + [odd] * selections)
    story.rows.result(run_id, good)
    if result is not None:
        story.rows.result(run_id, odd, **result)
    if case == 'one of several outputs without a file':
        story.rows.output(odd)

    if expected.api.not_run:
        expected = expected._replace(api=expected.api._replace(status=status_if_a_result_is_missing))
    assert ask_everybody(story, run_id, odd) == expected
    if case == 'another output, exit code as expected':
        # The page's other column, of the exit code alone.
        assert re.findall(r'"Result">\s*(\w+)', story.page(run_id)) == ['Pass', 'Pass']


def test_a_run_without_selected_tests_has_run_what_is_active_now(story, status_if_a_result_is_missing):
    good, inactive = story.rows.regression_test(), story.rows.regression_test(active=False)
    run_id = story.push([])
    story.rows.result(run_id, good)
    story.rows.complete(run_id)
    assert story.categories(run_id) == {'General': {good: True, inactive: False}}
    assert story.reported(run_id) == story.listed(run_id) == Reported('pass', 1, 1, 0, 0)

    added = story.rows.regression_test()
    assert ask_everybody(story, run_id, added) == Answers(
        False, LACKS._replace(status=status_if_a_result_is_missing), LACKS, 'not_run', True)
