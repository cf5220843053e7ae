"""Reading for the sweep."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, true, union

from ..domain.progress import ProgressRow
from ..platform.models import (MaintenanceMode, RegressionTest,
                               RegressionTestOutput, Test, TestProgress,
                               TestResult, TestResultFile)
from .expressions import BY_PRIMARY_KEY, as_bytes, as_text
from .progress import columns_of_progress, has_ended, is_first_completed
from .tables import run_retry

#: How many progress rows are read at once.
ROWS_AT_ONCE = 1000


def walk_backwards(connection: Connection) -> Iterator[list[ProgressRow]]:
    """Yield all progress rows in batches, the newest first, because their times have no index."""
    newest = (select(*columns_of_progress()).where(TestProgress.test_id.is_not(None))
              .order_by(TestProgress.id.desc()).limit(ROWS_AT_ONCE))
    following = newest
    while rows := [ProgressRow(**row._mapping) for row in connection.execute(following)]:
        yield rows
        following = newest.where(TestProgress.id < rows[-1].id)


def find_newly_expected(connection: Connection, run_ids: Collection[int]) -> set[int]:
    """Return the runs with an exit code or an output that was not expected at the time and is expected today."""
    # This is only a search: domain/sweep.py decides.
    by_code = (select(TestResult.test_id)
               .with_hint(TestResult, BY_PRIMARY_KEY)
               .join_from(TestResult, RegressionTest, RegressionTest.id == TestResult.regression_test_id)
               .where(TestResult.test_id.in_(run_ids), TestResult.exit_code == RegressionTest.expected_rc,
                      TestResult.exit_code.is_distinct_from(TestResult.expected_rc)))
    by_output = (select(TestResultFile.test_id)
                 .with_hint(TestResultFile, BY_PRIMARY_KEY)
                 .join_from(TestResultFile, RegressionTestOutput,
                            RegressionTestOutput.id == TestResultFile.regression_test_output_id)
                 .where(TestResultFile.test_id.in_(run_ids),
                        as_bytes(TestResultFile.got) == as_bytes(RegressionTestOutput.correct)))
    return set(connection.scalars(union(by_code, by_output)))


def read_under_maintenance(connection: Connection) -> set[str]:
    """Return the platforms that are under maintenance."""
    return set(connection.scalars(select(as_text(MaintenanceMode.platform)).where(MaintenanceMode.disabled == true())))


def count_in_flight(connection: Connection, platform: str, since: datetime, at_most: int) -> int:
    """Return how many of the newest automatic attempts of a platform, created since then, have not ended."""
    # The times of retries have no index.
    newest = (select(run_retry.c.run_id, run_retry.c.created_at)
              .join_from(run_retry, Test, Test.id == run_retry.c.run_id)
              .where(run_retry.c.automatic == true(), as_text(Test.platform) == platform)
              .order_by(run_retry.c.run_id.desc()).limit(at_most).subquery())
    return connection.execute(select(func.count()).select_from(newest).where(
        newest.c.created_at > since, ~has_ended(newest.c.run_id))).scalar_one()


def read_last_completed(connection: Connection, platform: str, progress_id: int, count: int) -> Sequence[int]:
    """Return the runs of a platform that completed last after a progress row, the last one first."""
    return connection.scalars(
        select(Test.id)
        .join_from(TestProgress, Test, Test.id == TestProgress.test_id)
        .where(TestProgress.id > progress_id, is_first_completed(TestProgress), as_text(Test.platform) == platform)
        .order_by(TestProgress.id.desc()).limit(count)).all()
