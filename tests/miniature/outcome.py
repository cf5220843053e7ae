"""How a regression test came out, and the rows that say so."""

from dataclasses import dataclass, replace
from typing import Mapping, Optional

from mod_test.models import TestResult, TestResultFile


@dataclass(frozen=True)
class Outcome:
    """How one regression test came out."""

    exit_code: Optional[int]
    #: By the id of an output, the hash of what came out; None is the expected file. An output that is not here made no
    #: file.
    got: Mapping[int, Optional[str]]

    def exits(self, code):
        """Return the same with another exit code."""
        return replace(self, exit_code=code)


def passing(test):
    """Return the outcome where all is as expected."""
    return Outcome(test.expected_rc, {output.id: None for output in test.output_files if not output.ignore})


def record(session, run, test, outcome):
    """Write the rows of one regression test's outcome in a run, without committing them, and return the result's."""
    result = TestResult(test_id=run.id, regression_test_id=test.id, runtime=1200, exit_code=outcome.exit_code,
                        expected_rc=test.expected_rc)
    session.add(result)
    for output in test.output_files:
        if output.id in outcome.got:
            session.add(TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=output.id,
                                       expected=output.correct, got=outcome.got[output.id]))
    session.flush()
    return result
