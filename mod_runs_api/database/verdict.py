"""Reading the evidence for verdicts."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import and_, func, select

from ..domain.verdict import Evidence, File
from . import Database


def read_evidence(db: Database, run_ids: Sequence[int],
                  regression_test_ids: Sequence[int]) -> dict[tuple[int, int], Evidence]:
    """Return the evidence of some tests in some runs that they have a result in, by regression test and run."""
    result, file = db.host.TestResult, db.host.TestResultFile
    rows = db.rows(
        select(result.regression_test_id, result.test_id, result.exit_code, result.expected_rc,
               file.regression_test_output_id, file.expected, func.coalesce(file.got, file.expected))
        .outerjoin_from(result, file, and_(file.test_id == result.test_id,
                                           file.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(run_ids), result.regression_test_id.in_(regression_test_ids)))
    codes: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    files: dict[tuple[int, int], dict[int, File]] = defaultdict(dict)
    for regression_test_id, run_id, exit_code, expected_rc, output_id, expected, produced in rows:
        codes[regression_test_id, run_id] = exit_code, expected_rc
        if output_id is not None:
            files[regression_test_id, run_id][output_id] = File(expected, produced)
    return {key: Evidence(*codes[key], files[key]) for key in codes}
