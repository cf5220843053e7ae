"""Reading and listing the attempts of a run (docs/api.rst, "Attempts")."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from ..database.attempts import read_attempt_ids, read_records
from ..database.catalogue import read_catalogue
from ..database.outcomes import read_tests
from ..database.progress import read_progress
from ..database.run import find_run, read_runs
from ..domain.attempts import AttemptRecord, Attempts, AttemptsPage
from ..domain.catalogue import Catalogue
from ..domain.progress import Progress
from ..domain.run import Run


def read_attempts(connection: Connection, run: Run) -> Attempts:
    """Return the attempts of a run."""
    records = read_records(connection, [run.root_id])[run.root_id]
    return complete_attempts(connection, run, records, read_progress(connection, list(records)))


def complete_attempts(connection: Connection, run: Run, records: Mapping[int, AttemptRecord],
                      progress: Mapping[int, Progress]) -> Attempts:
    """Return the attempts of a run whose records and progress have been read, with their tests."""
    catalogue = read_catalogue(connection)
    return Attempts(run, records, progress, read_tests(connection, list(records), catalogue), catalogue)


def read_attempts_of_roots(connection: Connection, root_ids: Collection[int],
                           catalogue: Catalogue) -> dict[int, Attempts]:
    """Return the attempts of each root run. The number of statements does not depend on their number."""
    records = read_records(connection, root_ids)
    runs = read_runs(connection, [max(of_root) for of_root in records.values()])
    run_ids = [run_id for of_root in records.values() for run_id in of_root]
    progress, tests = read_progress(connection, run_ids), read_tests(connection, run_ids, catalogue)
    return {root_id: Attempts(runs[max(of_root)], of_root, {run_id: progress[run_id] for run_id in of_root},
                              {run_id: tests[run_id] for run_id in of_root}, catalogue)
            for root_id, of_root in records.items()}


def read_progress_of_attempts(connection: Connection, root_id: int) -> dict[int, Progress]:
    """Return the progress of each attempt of a root run, by run id."""
    return read_progress(connection, read_attempt_ids(connection, root_id))


def read_attempts_page(connection: Connection, run_id: int, limit: int, offset: int) -> AttemptsPage:
    """Return a page of the attempts of a run. Raises :exc:`RunNotFound`."""
    run = find_run(connection, run_id)
    # All of them, because the decisive one may be on another page.
    attempts = read_attempts(connection, run)
    listed = [attempts.describe(attempt_id) for attempt_id in list(attempts.records)[offset:offset + limit]]
    return AttemptsPage(run_id, run.root_id, attempts.decisive_run_id, len(attempts.records), listed)
