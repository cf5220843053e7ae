"""Reading and listing the attempts of a run (docs/api.rst, "Attempts")."""

from collections.abc import Mapping

from ..database import Database
from ..database.attempts import read_attempt_ids, read_records
from ..database.outcomes import read_catalogue, read_tests
from ..database.progress import read_progress
from ..database.runs import find_run
from ..domain.attempts import AttemptRecord, Attempts, AttemptsPage
from ..domain.progress import Progress
from ..domain.run import Run


def read_attempts(db: Database, run: Run) -> Attempts:
    """Return the attempts of a run."""
    records = read_records(db, [run.root_id])[run.root_id]
    return read_tests_of_attempts(db, run, records, read_progress(db, list(records)))


def read_tests_of_attempts(db: Database, run: Run, records: Mapping[int, AttemptRecord],
                           progress: Mapping[int, Progress]) -> Attempts:
    """Return the attempts of a run, whose records and progress have been read."""
    catalogue = read_catalogue(db)
    return Attempts(run, records, progress, read_tests(db, list(records), catalogue), catalogue)


def read_progress_of_attempts(db: Database, root_id: int) -> dict[int, Progress]:
    """Return the progress of each attempt of a root run, by run id."""
    return read_progress(db, read_attempt_ids(db, root_id))


def read_attempts_page(db: Database, run_id: int, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    # All of them, because the decisive one may be on another page.
    attempts = read_attempts(db, run)
    listed = [attempts.describe(attempt_id) for attempt_id in list(attempts.records)[offset:offset + limit]]
    return AttemptsPage(run_id, run.root_id, attempts.decisive_run_id, len(attempts.records), listed)
