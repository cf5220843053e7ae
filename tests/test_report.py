"""What the attempts prove, in the platform's report and in the answer to a comment (contract section 1)."""

from __future__ import annotations

import pytest
import seed
from database import db
from flask import Flask, render_template_string
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestStatus
from outcome import passing

from mod_runs_api import retry_run

pytestmark = pytest.mark.usefixtures('app')


def report(run_id: int) -> str:
    """Return what the line in the platform's template adds."""
    return render_template_string('{{ runs_api.retry_report(run_id) }}', run_id=run_id)


def run(run_id: int, tests: list[RegressionTest], failed: list[RegressionTest]) -> int:
    """Report the results of a run, and end it."""
    found = db.session.get_one(Test, run_id)
    for test in tests:
        seed.result(found, test, passing(test).exits(139) if test in failed else None)
    seed.progress(found, TestStatus.completed)
    db.session.commit()
    return run_id


@pytest.fixture
def tests(app: Flask) -> list[RegressionTest]:
    """Twelve regression tests."""
    return [seed.regression_test() for _ in range(12)]


def test_the_report_of_a_run_without_retries_is_empty(tests: list[RegressionTest]) -> None:
    assert report(run(seed.run(tests).id, tests, tests)) == ''


def test_the_report_links_the_tests(tests: list[RegressionTest]) -> None:
    first = run(seed.run(tests).id, tests, tests[:2])
    second = run(retry_run(first, failed_only=True).new_run_id, tests[:2], tests[:1])

    flaky, broken = (f'[{test.id}](http://localhost/regression/test/{test.id}/view)' for test in (tests[1], tests[0]))
    assert report(second) == (
        f'Over 2 attempts: 1 test is flaky ({flaky}), 1 fails each time in the same way ({broken}).')


def test_the_report_lists_ten_tests_of_a_kind(tests: list[RegressionTest]) -> None:
    first = run(seed.run(tests).id, tests, tests)
    second = run(retry_run(first, failed_only=True).new_run_id, tests, [])

    text = report(second)

    assert text.count('](') == 10
    assert text.endswith(', and 2 more).')


def test_the_report_says_where_every_test_passed(tests: list[RegressionTest]) -> None:
    first = run(seed.run(tests).id, tests, [])
    second = run(retry_run(first).new_run_id, tests, [])

    assert report(second) == 'Over 2 attempts: every test passed each time.'


def test_a_fault_costs_the_line_and_not_the_report(caplog: pytest.LogCaptureFixture) -> None:
    assert report(99) == ''
    assert 'what the attempts of run 99 prove is missing in the report' in caplog.text
