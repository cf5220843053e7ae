"""The outcomes of a regression test in a run, and the evidence for them (docs/api.rst, "Outcomes")."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from .run import RegressionTest

Outcome = Literal['pass', 'fail', 'missing_output', 'not_run', 'carried_over']

#: The outcomes of a test that the run itself ran. Only they are evidence.
RAN: frozenset[Outcome] = frozenset({'pass', 'fail', 'missing_output'})


def did_not_pass(outcome: Outcome) -> bool:
    """Return whether a failed-only retry runs a test with this outcome again."""
    return outcome != 'pass'


def list_not_passed(outcomes: Mapping[RegressionTest, Outcome]) -> list[RegressionTest]:
    """Return the tests that a failed-only retry runs."""
    return [test for test, outcome in outcomes.items() if did_not_pass(outcome)]


class File(NamedTuple):
    """A file of one output of a test in one run."""

    #: The hashes of the expected file at the time, and of the produced file.
    expected: str
    produced: str
    #: The oldest run that has a file of the output. Before, the test may not have had this output.
    oldest_run_id: int


class Evidence(NamedTuple):
    """The exit code and the outputs of a test in one run, with the expectations at the time."""

    exit_code: int | None = None
    expected_rc: int | None = None
    #: The outputs that have a file, by the id of the output.
    files: Mapping[int, File] = MappingProxyType({})

    @property
    def way_to_fail(self) -> tuple[int | None, frozenset[tuple[int, str]]]:
        """The exit code, and every output that has a file. Two failures are identical if it is equal."""
        return self.exit_code, frozenset((output_id, file.produced) for output_id, file in self.files.items())
