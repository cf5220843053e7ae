"""The table in docs/api.rst, "Where the platform says otherwise", on the platform's own page and API."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from protocol import Said, Story
from rows import now

pytestmark = pytest.mark.platform


@dataclass(frozen=True)
class Told:
    """What is said of a completed run with a test that passed and an odd one."""

    #: How the page shows the odd one: as passed, as failed, or not at all.
    page: bool | None
    #: Status and counts, by the newest of the rules of the platform's API.
    api: Said
    #: The same by ``/retries``.
    attempts: Said
    #: The outcome of the odd one by ``/verdict``.
    outcome: str
    #: Whether a failed-only retry runs it.
    runs_again: bool


def completed(story: Story, selected: list[int]) -> int:
    """Return a completed run that has no result yet."""
    run_id = story.push(selected)
    story.rows.add('test_progress', test_id=run_id, status='completed', message='', timestamp=now())
    return run_id


def completed_run(story: Story, *, outputs: int = 1, selections: int = 1) -> tuple[int, int]:
    """Return a completed run in which one test passed, and the odd one, which has no result yet."""
    good, odd = story.rows.regression_test(), story.rows.regression_test(outputs=outputs)
    run_id = completed(story, [good] + [odd] * selections)
    story.rows.result(run_id, good)
    return run_id, odd


def told(story: Story, run_id: int, odd: int) -> Told:
    """Ask everybody."""
    (verdict,) = [entry for entry in story.ask('GET', f'/runs/{run_id}/verdict')['data']
                  if entry['regression_test_id'] == odd]
    page, api = story.categories(run_id)['General'].get(odd), story.said(run_id).by_the_newest_rule
    answer = story.request('POST', f'/runs/{run_id}/retry', json_body={'failed_only': True})
    again = [row['regression_id'] for row in story.rows.of('customized_test') if row['test_id'] > run_id]
    assert (answer['status'], again) in ((202, [odd]), (422, []))
    return Told(page, api, story.listed(run_id), verdict['attempts'][0]['outcome'], bool(again))


def test_a_test_whose_exit_code_and_expected_exit_code_are_missing(story: Story) -> None:
    run_id, odd = completed_run(story, outputs=0)
    story.rows.result(run_id, odd, exit_code=None, expected_rc=None)

    assert told(story, run_id, odd) == Told(True, Said('pass', 2, 2, 0, 0), Said('fail', 2, 1, 1, 0), 'fail', True)


def test_a_test_one_of_whose_outputs_has_no_file(story: Story) -> None:
    run_id, odd = completed_run(story)
    story.rows.result(run_id, odd)
    story.rows.add('regression_test_output', regression_id=odd, correct='other', correct_extension='.txt',
                   expected_filename='', ignore=False)

    fails = Said('fail', 2, 1, 1, 0)
    assert told(story, run_id, odd) == Told(True, fails, fails, 'missing_output', True)


@pytest.mark.parametrize('outputs', [1, 0])
def test_a_test_without_a_result(story: Story, outputs: int) -> None:
    run_id, odd = completed_run(story, outputs=outputs)

    skipped = Said('error', 2, 1, 0, 1)
    assert told(story, run_id, odd) == Told(not outputs, skipped, skipped, 'not_run', True)


def test_a_failing_result_of_a_test_that_is_not_selected(story: Story) -> None:
    run_id, odd = completed_run(story, selections=0)
    story.rows.result(run_id, odd, exit_code=1)

    assert told(story, run_id, odd) == Told(None, Said('fail', 1, 1, 1, 0), Said('fail', 2, 1, 1, 0), 'fail', True)


def test_a_test_that_is_selected_twice(story: Story) -> None:
    run_id, odd = completed_run(story, selections=2)
    story.rows.result(run_id, odd)

    assert told(story, run_id, odd) == Told(True, Said('error', 3, 2, 0, 1), Said('pass', 2, 2, 0, 0), 'pass', False)


def test_an_inactive_test_of_a_run_without_selected_tests(story: Story) -> None:
    good, inactive = story.rows.regression_test(), story.rows.regression_test(active=False)
    run_id = completed(story, [])
    story.rows.result(run_id, good)

    assert story.categories(run_id) == {'General': {good: True, inactive: False}}
    assert story.said(run_id) == story.listed(run_id) == Said('pass', 1, 1, 0, 0)
    assert [entry['regression_test_id'] for entry in story.ask('GET', f'/runs/{run_id}/verdict')['data']] == [good]
    assert story.request('POST', f'/runs/{run_id}/retry', json_body={'failed_only': True})['status'] == 422


def test_a_test_that_is_added_after_a_run_without_selected_tests(story: Story) -> None:
    good = story.rows.regression_test()
    run_id = completed(story, [])
    story.rows.result(run_id, good)
    added = story.rows.regression_test()

    assert told(story, run_id, added) == Told(False, *[Said('error', 2, 1, 0, 1)] * 2, 'not_run', True)


def test_a_test_that_fails_as_expected_with_another_output(story: Story) -> None:
    run_id, odd = completed_run(story)
    story.rows.result(run_id, odd, exit_code=10, expected_rc=10, got='something else')

    fails = Said('fail', 2, 1, 1, 0)
    assert told(story, run_id, odd) == Told(False, fails, fails, 'fail', True)
    assert re.findall(r'"Result">\s*(\w+)', story.page(run_id)) == ['Pass', 'Pass']
