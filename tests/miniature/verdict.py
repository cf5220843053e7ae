"""
Pass or fail, decided by the rule of the platform's page of a run.

The rule, for each regression test the run runs:

- a result with another exit code than expected is a failure;
- else a file that differs and is no accepted variant is one, also where the test's output is set to be ignored, and
  also if there is no result;
- if there is no file at all, any output that is not set to be ignored makes it a failure. One missing file among
  others does not, and neither does a missing result of a test that has no outputs.
"""

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import Optional

from database import DbSession
from mod_regression.models import (Category, RegressionTest,
                                   RegressionTestOutput,
                                   regressionTestLinkTable)
from mod_test.models import Test, TestResult, TestResultFile
from sqlalchemy import select
from sqlalchemy.orm import selectinload


class Came(Enum):
    """How an output came out."""

    identical = 'identical'
    accepted = 'accepted variant'
    different = 'different'
    missing = 'missing'


@dataclass(frozen=True)
class TestVerdict:
    """What the page says of one regression test."""

    __test__ = False

    regression_test: RegressionTest
    result: Optional[TestResult]
    outputs: tuple[Came, ...]
    error: bool

    @property
    def exit_code(self) -> Optional[int]:
        """The code the test ended with; none if it has no result."""
        return None if self.result is None else self.result.exit_code

    @property
    def expected_rc(self) -> Optional[int]:
        """The code it should have ended with, as it was when the run ran it."""
        return self.regression_test.expected_rc if self.result is None else self.result.expected_rc


@dataclass(frozen=True)
class CategoryVerdict:
    """What the page says of one category. It fails if one of its tests does."""

    category: Category
    tests: tuple[TestVerdict, ...]

    @property
    def error(self) -> bool:
        """Whether a test of the category failed."""
        return any(test.error for test in self.tests)


def by_category(session: DbSession, run: Test) -> list[CategoryVerdict]:
    """
    Return the verdicts on a run, in the order of its page.

    A regression test in no category is not on the page, and one in two categories is there twice.

    Parameters
    ----------
    session : DbSession
        The session the run belongs to.
    run : Test
        The run, in any state: the rule does not ask whether it has finished.

    Returns
    -------
    list of CategoryVerdict
        The categories by name, without those the run runs nothing of.
    """
    selected = set(run.get_customized_regressiontests())
    results = {result.regression_test_id: result for result in run.results}
    files = defaultdict(list)
    for file in session.scalars(
            select(TestResultFile).where(TestResultFile.test_id == run.id).options(
                selectinload(TestResultFile.regression_test_output).selectinload(RegressionTestOutput.multiple_files)
            )):
        files[file.regression_test_id].append(file)

    categories = session.scalars(
        select(Category).where(Category.id.in_(select(regressionTestLinkTable.c.category_id))).order_by(Category.name)
        .options(selectinload(Category.regression_tests).selectinload(RegressionTest.output_files)))
    verdicts = (
        CategoryVerdict(category, tuple(
            _verdict(test, results.get(test.id), files[test.id])
            for test in category.regression_tests if test.id in selected))
        for category in categories)
    return [verdict for verdict in verdicts if verdict.tests]


def by_test(session: DbSession, run: Test) -> list[TestVerdict]:
    """
    Return the verdicts on a run by the id of the regression test, each test once.

    Parameters
    ----------
    session : DbSession
        The session the run belongs to.
    run : Test
        The run, in any state.

    Returns
    -------
    list of TestVerdict
        One for each regression test that the run's page shows.
    """
    tests = {test.regression_test.id: test for category in by_category(session, run) for test in category.tests}
    return [tests[key] for key in sorted(tests)]


def _verdict(test: RegressionTest, result: Optional[TestResult], files: list[TestResultFile]) -> TestVerdict:
    outputs = tuple(_came(file) for file in files)
    if not files and any(output.ignore is False for output in test.output_files):
        outputs = (Came.missing,)
    wrong_code = result is not None and result.exit_code != result.expected_rc
    error = wrong_code or Came.different in outputs or Came.missing in outputs
    return TestVerdict(test, result, outputs, error)


def _came(file: TestResultFile) -> Came:
    if file.got is None:
        return Came.identical
    accepted = {variant.file_hashes for variant in file.regression_test_output.multiple_files}
    return Came.accepted if file.got in accepted else Came.different
