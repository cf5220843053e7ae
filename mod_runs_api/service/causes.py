"""Reading summaries of runs, which their causes follow from (docs/api.rst, "Causes")."""

from collections.abc import Sequence

from ..database import Database
from ..database.outcomes import read_catalogue, read_tests
from ..database.progress import read_progress
from ..domain.causes import RunSummary


def read_run_summaries(db: Database, run_ids: Sequence[int]) -> dict[int, RunSummary]:
    """Return the summary of each run. The number of statements does not depend on the number of runs."""
    progress, tests = read_progress(db, run_ids), read_tests(db, run_ids, read_catalogue(db))
    return {run_id: RunSummary.of(progress[run_id], tests[run_id]) for run_id in run_ids}
