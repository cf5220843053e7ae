"""What the attempts prove, in the platform's report on a pull request (docs/github.rst)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from support.histories import CRASH, FAIL, PASS, Came, add_attempts


@pytest.fixture
def report(app: Flask) -> Callable[..., str]:
    """Return what the line in the platform's template adds."""
    return app.jinja_env.from_string('{{ runs_api.retry_report(run_id) }}').render


FLAKY = [FAIL, PASS]


@pytest.mark.parametrize(('tests', 'text'), [
    ([[FAIL], [PASS]], ''),
    ([[PASS, PASS]], 'Over 2 attempts: every test passed each time.'),
    ([[CRASH, CRASH], FLAKY, [PASS, PASS]],
     'Over 2 attempts: 1 test is flaky ({2}), 1 fails each time in the same way ({1}).'),
    ([FLAKY] * 12, f'Over 2 attempts: 12 tests are flaky ({", ".join(f"{{{n}}}" for n in range(1, 11))}, and 2 more).'),
])
def test_a_line_says_what_the_attempts_prove_and_links_ten_tests_of_a_kind(
        report: Callable[..., str], tests: list[list[Came]], text: str) -> None:
    links = [f'[{test_id}](http://localhost/regression/test/{test_id}/view)' for test_id in range(len(tests) + 1)]

    assert report(run_id=add_attempts(*tests)[-1]) == text.format(*links)


def test_a_fault_costs_the_line_and_not_the_report(
        report: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    assert report(run_id=99) == ''
    assert 'what the attempts of run 99 prove is missing in the report' in caplog.text
