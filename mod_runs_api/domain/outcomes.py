"""The outcomes of a regression test in a run (docs/api.rst, "Outcomes")."""

from collections.abc import Mapping
from typing import Literal

from .run import RegressionTest

Outcome = Literal['pass', 'fail', 'missing_output', 'not_run', 'carried_over']

#: The outcomes of a test that the run itself ran. Only these are evidence.
RAN: frozenset[Outcome] = frozenset({'pass', 'fail', 'missing_output'})


def list_not_passed(outcomes: Mapping[RegressionTest, Outcome]) -> list[RegressionTest]:
    """Return the tests that did not pass: what a failed-only retry runs."""
    return [test for test, outcome in outcomes.items() if outcome != 'pass']
