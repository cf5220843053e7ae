"""Reading the retry history for a run's page, and for the report on it (docs/web-pages.rst, "The retry history")."""

from ..database import Database
from ..domain.builds import OtherBuild
from ..domain.history import MAX_COMPARED, MAX_LISTED, RetryHistory
from ..domain.verdict import Verdict
from .attempts import read_newest_attempts, read_other_builds
from .verdict import read_verdict


def read_history(db: Database, run_id: int) -> RetryHistory | None:
    """Return the retry history of a run; None for a run that was never retried. Raises :exc:`RunNotFound`."""
    page = read_newest_attempts(db, run_id, MAX_LISTED)
    if page is None:
        return None
    own = next(attempt for attempt in page.attempts if attempt.run_id == run_id)
    verdict = read_verdict(db, run_id) if page.total <= MAX_COMPARED else None
    return RetryHistory(own, page.attempts, page.total - len(page.attempts), verdict)


def read_report(db: Database, run_id: int) -> tuple[Verdict, list[OtherBuild]]:
    """Return the verdict of the attempts of a run, and its results of other builds. Raises :exc:`RunNotFound`."""
    return read_verdict(db, run_id), read_other_builds(db, run_id)
