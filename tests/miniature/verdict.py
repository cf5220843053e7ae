"""
Pass or fail, decided by the rule of the platform's page of a run.

The rule, for each regression test the run runs, whether it has finished or not:

- a result with another exit code than expected is a failure;
- else a file that differs and is no accepted variant is one, also where the test's output is set to be ignored, and
  also if there is no result;
- if there is no file at all, any output that is not set to be ignored makes it a failure. One missing file among
  others does not, and neither does a missing result of a test that has no outputs.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Optional

from mod_regression.models import RegressionTest, RegressionTestOutput
from mod_test.models import TestResultFile
from sqlalchemy import select
from sqlalchemy.orm import selectinload

#: How an output came out.
IDENTICAL, ACCEPTED, DIFFERENT, MISSING = 'identical', 'accepted variant', 'different', 'missing'


@dataclass(frozen=True)
class TestVerdict:
    """What the page says of one regression test."""

    regression_test: RegressionTest
    #: The code it ended with, None if it has no result; and the one that was expected then, or is now.
    exit_code: Optional[int]
    expected_rc: Optional[int]
    outputs: tuple[str, ...]
    error: bool


def by_test(session, run):
    """Return the verdicts on a run, in the order of its page. A regression test in no category is not on the page."""
    results = {result.regression_test_id: result for result in run.results}
    files = defaultdict(list)
    for file in session.scalars(select(TestResultFile).where(TestResultFile.test_id == run.id).options(
            selectinload(TestResultFile.regression_test_output).selectinload(RegressionTestOutput.multiple_files))):
        files[file.regression_test_id].append(file)
    tests = session.scalars(
        select(RegressionTest).where(RegressionTest.categories.any()).order_by(RegressionTest.id).options(
            selectinload(RegressionTest.output_files)))
    selected = set(run.get_customized_regressiontests())
    return [_verdict(test, results.get(test.id), files[test.id]) for test in tests if test.id in selected]


def _verdict(test, result, files):
    outputs = tuple(_came(file) for file in files)
    if not files and any(output.ignore is False for output in test.output_files):
        outputs = (MISSING,)
    exit_code, expected_rc = (result.exit_code, result.expected_rc) if result else (None, test.expected_rc)
    error = result is not None and exit_code != expected_rc or DIFFERENT in outputs or MISSING in outputs
    return TestVerdict(test, exit_code, expected_rc, outputs, error)


def _came(file):
    if file.got is None:
        return IDENTICAL
    accepted = {variant.file_hashes for variant in file.regression_test_output.multiple_files}
    return ACCEPTED if file.got in accepted else DIFFERENT
