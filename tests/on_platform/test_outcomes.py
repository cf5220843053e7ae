"""The table in docs/api.rst, "Where the platform says otherwise", on the platform's own page and API."""

import re
from typing import Any

import pytest

from .protocol import Reported, Story
from .rows import now

pytestmark = pytest.mark.platform


#: What is said of a completed run with a test that passed and an odd one. How the page shows the odd one: as passed, as
#: failed, or not at all. Status and counts by the platform's API, by the newest of its rules, and by ``/retries``. The
#: outcome of the odd one by ``/verdict``. Whether a failed-only retry runs it.
ReportedOutcome = tuple[bool | None, Reported, Reported, str, bool]


def told(story: Story, run_id: int, odd: int) -> ReportedOutcome:
    """Ask everybody about a run, once it has completed."""
    story.rows.add('test_progress', test_id=run_id, status='completed', message='', timestamp=now())
    (verdict,) = [entry for entry in story.verdict(run_id)['data'] if entry['regression_test_id'] == odd]
    page, api = story.categories(run_id)['General'].get(odd), story.said(run_id)
    if api.not_run:
        # Since August 2026.
        api = api._replace(status='error')
    answer = story.request('POST', f'/runs/{run_id}/retry', json_body={'failed_only': True})
    again = [row['regression_id'] for row in story.rows.of('customized_test') if row['test_id'] > run_id]
    assert (answer['status'], again) in ((202, [odd]), (422, []))
    return page, api, story.listed(run_id), verdict['attempts'][0]['outcome'], bool(again)


PASSES, FAILS, LACKS = Reported('pass', 2, 2, 0, 0), Reported('fail', 2, 1, 1, 0), Reported('error', 2, 1, 0, 1)

#: The odd test: its outputs, how often it is selected, its result (None: it has none), and what is said.
ODD: dict[str, tuple[int, int, dict[str, Any] | None, ReportedOutcome]] = {
    'no exit code and none expected': (
        0, 1, {'exit_code': None, 'expected_rc': None}, (True, PASSES, FAILS, 'fail', True)),
    'no result': (1, 1, None, (False, LACKS, LACKS, 'not_run', True)),
    'no result, no outputs': (0, 1, None, (True, LACKS, LACKS, 'not_run', True)),
    'failed, not selected': (1, 0, {'exit_code': 1}, (None, Reported('fail', 1, 1, 1, 0), FAILS, 'fail', True)),
    'selected twice': (1, 2, {}, (True, Reported('error', 3, 2, 0, 1), PASSES, 'pass', False)),
    'another output, exit code as expected': (
        1, 1, {'exit_code': 10, 'expected_rc': 10, 'got': 'something else'}, (False, FAILS, FAILS, 'fail', True)),
    'one of several outputs without a file': (1, 1, {}, (True, FAILS, FAILS, 'missing_output', True)),
}


@pytest.mark.parametrize('case', ODD)
def test_page_api_and_package_say_what_the_table_says(story: Story, case: str) -> None:
    outputs, selections, result, expected = ODD[case]
    good, odd = story.rows.regression_test(), story.rows.regression_test(outputs=outputs)
    run_id = story.push([good] + [odd] * selections)
    story.rows.result(run_id, good)
    if result is not None:
        story.rows.result(run_id, odd, **result)
    if case == 'one of several outputs without a file':
        story.rows.output(odd)

    assert told(story, run_id, odd) == expected
    if case == 'another output, exit code as expected':
        # The page's other column, of the exit code alone.
        assert re.findall(r'"Result">\s*(\w+)', story.page(run_id)) == ['Pass', 'Pass']


def test_a_run_without_selected_tests_has_run_what_is_active_now(story: Story) -> None:
    good, inactive = story.rows.regression_test(), story.rows.regression_test(active=False)
    run_id = story.push([])
    story.rows.result(run_id, good)
    story.rows.add('test_progress', test_id=run_id, status='completed', message='', timestamp=now())
    assert story.categories(run_id) == {'General': {good: True, inactive: False}}
    assert story.said(run_id) == story.listed(run_id) == Reported('pass', 1, 1, 0, 0)

    added = story.rows.regression_test()
    assert told(story, run_id, added) == (False, LACKS, LACKS, 'not_run', True)
