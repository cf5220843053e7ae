"""
The outcomes of a regression test in a run, and the evidence for them (docs/verdicts.rst, "Outcomes").

:func:`outcome_of` is the rule for a pass. A failed-only retry runs the tests of :func:`list_not_passed`, the attempts
count the outcomes, and the verdict compares them.
"""

from collections.abc import Collection, Mapping, Set
from types import MappingProxyType
from typing import Literal, NamedTuple

Outcome = Literal['pass', 'fail', 'missing_output', 'not_run', 'carried_over']

#: The outcomes of a test that ran and did not pass.
FAILED: tuple[Outcome, ...] = ('fail', 'missing_output')
#: The outcomes of a test that the run itself ran. Only they are evidence.
RAN: tuple[Outcome, ...] = ('pass', *FAILED)


class DifferingFile(NamedTuple):
    """A file that is not identical to the expected one."""

    #: Its hash.
    produced: bytes
    #: The hashes of the files that are accepted for this output, too.
    accepted: Collection[bytes | None]


class Result(NamedTuple):
    """The result of a test, and its outputs that are not as expected."""

    exit_code: int | None
    expected_rc: int | None
    #: For each expected output that has no file, whether it is ignored; None if that is not known.
    outputs_without_file: Collection[bool | None] = ()
    differing: Collection[DifferingFile] = ()
    #: Whether the test ran until the worker stopped it.
    has_timed_out: bool = False


def outcome_of(result: Result) -> Outcome:
    """Return the outcome of a test that has a result: the rule for a pass."""
    # An ignored output may be missing. If it has a file, the file counts like any other.
    if not all(result.outputs_without_file):
        return 'missing_output'
    # Without an exit code the end of the test is unknown, whatever was expected.
    if result.exit_code is None or result.exit_code != result.expected_rc:
        return 'fail'
    return 'pass' if all(file.produced in file.accepted for file in result.differing) else 'fail'


class Mark(NamedTuple):
    """The record of a result that was carried over into a run."""

    #: The attempt that ran the test. It may have been deleted.
    origin_id: int
    #: Whether the test had been selected for the run before.
    was_selected: bool


class RunTests(NamedTuple):
    """The tests of a run."""

    results: Mapping[int, Result]
    #: The selected tests. Of a run without a selection, they are the active tests.
    selected: Set[int]
    #: The tests that are in a category now.
    in_category: Set[int]
    #: Whether tests were selected for the run. Otherwise it ran every test, inactive ones too.
    has_selection: bool = True
    #: The results that were carried over into it, by test. A result may have been deleted since.
    marks: Mapping[int, Mark] = MappingProxyType({})

    @property
    def own(self) -> Set[int]:
        """The tests that the run itself ran."""
        return self.results.keys() - self.marks.keys()

    @property
    def selected_at_first(self) -> Set[int]:
        """The tests that were selected when the run was created. Carrying over selects further tests."""
        # No worker receives a test in no category, so it counts only if it has a result.
        carried_over = {test for test, mark in self.marks.items() if not mark.was_selected}
        return (self.selected & (self.in_category | self.own)) - carried_over

    @property
    def has_all_results(self) -> bool:
        """Whether the run itself ran every test that was selected. If the selection is not known, one is enough."""
        return self.selected_at_first <= self.own if self.has_selection else bool(self.own)

    @property
    def carried_over(self) -> dict[int, int]:
        """The origin run of each test whose result was carried over."""
        return {test: mark.origin_id for test, mark in self.marks.items() if test in self.results}


def find_outcomes(tests: RunTests) -> dict[int, Outcome]:
    """Return the outcome of each test of a run, in order. A carried-over result passed or failed by the same rule."""
    # No worker receives a test in no category. Without a result, such a test is not part of the run.
    outcomes: dict[int, Outcome] = dict.fromkeys(tests.selected & tests.in_category, 'not_run')
    for regression_test_id, result in tests.results.items():
        outcomes[regression_test_id] = outcome_of(result)
    return dict(sorted(outcomes.items()))


def find_outcomes_for_verdict(tests: RunTests) -> dict[int, Outcome]:
    """Return the outcome of each test of a run, in order. A carried-over result is named so: it is no evidence."""
    carried_over = tests.carried_over
    return {test: 'carried_over' if test in carried_over else outcome
            for test, outcome in find_outcomes(tests).items()}


def list_not_passed(outcomes: Mapping[int, Outcome]) -> list[int]:
    """Return the tests that a failed-only retry runs again."""
    return [test for test, outcome in outcomes.items() if outcome in (*FAILED, 'not_run')]


class ExpectedToday(NamedTuple):
    """The expectations of today of the tests of a run. They may have changed since the run."""

    #: The expected exit code of each test.
    expected_rc: Mapping[int, int | None]
    #: The files of the run that are not what is expected today, by test.
    differing: Mapping[int, Collection[DifferingFile]]

    def find_outcomes(self, tests: RunTests) -> dict[int, Outcome]:
        """Return the outcome that each test of the run would have today, in order."""
        results = {test: result._replace(expected_rc=self.expected_rc.get(test),
                                         differing=self.differing.get(test, ()))
                   for test, result in tests.results.items()}
        return find_outcomes(tests._replace(results=results))

    def find_approved(self, tests: RunTests) -> set[int]:
        """Return the tests that did not pass, but have the result that is expected today: it was approved since."""
        outcomes, outcomes_today = find_outcomes(tests), self.find_outcomes(tests)
        return {test for test in tests.results if outcomes[test] != 'pass' and outcomes_today[test] == 'pass'}


class File(NamedTuple):
    """A file of one output of a test in one run."""

    #: The hash of the file that was expected when the platform stored the result.
    expected: str
    #: The hash of the produced file; None if the worker found the file identical to the expected one.
    got: str | None
    #: The oldest run that has a file of the output. Before, the test may not have had this output.
    oldest_run_id: int

    @property
    def produced(self) -> str:
        """The hash of the produced file."""
        return self.expected if self.got is None else self.got

    @property
    def expected_by_worker(self) -> str | None:
        """The hash of the file that the worker compared with; None if it is unknown."""
        # The worker compares with the file that was expected when it started. If the produced file differed from that
        # and is the expected one now, it was approved in between.
        return None if self.got == self.expected else self.expected


class Evidence(NamedTuple):
    """The exit code and the outputs of a test in one run, with the expectations at the time."""

    exit_code: int | None
    expected_rc: int | None
    #: The outputs that have a file, by the id of the output.
    files: Mapping[int, File]

    @property
    def way_to_fail(self) -> tuple[int | None, frozenset[tuple[int, str]]]:
        """The exit code, and every output that has a file. Two failures are identical if it is equal."""
        return self.exit_code, frozenset((output_id, file.produced) for output_id, file in self.files.items())


#: The evidence of a result that is no longer there.
NO_EVIDENCE = Evidence(exit_code=None, expected_rc=None, files={})
