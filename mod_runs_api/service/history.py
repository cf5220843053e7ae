"""Reading what the page of a run says about its attempts (docs/web-pages.rst)."""

from .. import clock
from ..database import Database
from ..database.attempts import read_attempts
from ..database.progress import read_progress
from ..database.runs import find_run
from ..domain.comments import AUTHOR_IS_TOLD_FOR, may_tell_author
from ..domain.history import MAX_COMPARED, MAX_LISTED, RetryHistory, RunPage
from ..settings import Settings
from .attempts import build_attempts
from .author import find_author_hint
from .verdict import judge_attempts, read_attempt_facts


def read_run_page(db: Database, settings: Settings, run_id: int, has_button: bool) -> RunPage:
    """
    Return what the page of a run says about retries. Raises :exc:`RunNotFound`.

    ``has_button`` is whether the visitor may retry the run there, and need not be told how its author can.
    """
    run = find_run(db, run_id)
    records = read_attempts(db, run.root_id)
    # The root run may have been deleted.
    is_retried = len(records) > 1 or records[0].source_run_id is not None
    may_tell = settings.author_retries > 0 and not has_button and run.is_of_pull_request
    if not is_retried and not may_tell:
        return RunPage()
    progress = read_progress(db, [record.run_id for record in records])
    # Crawlers read the pages of old runs.
    may_tell = may_tell and may_tell_author(run, progress, clock.now(), settings.max_silence, AUTHOR_IS_TOLD_FOR)
    if not is_retried and not may_tell:
        return RunPage()
    listed = records[-MAX_LISTED:][::-1] + [record for record in records[:-MAX_LISTED] if record.run_id == run_id]
    are_compared = len(records) <= MAX_COMPARED
    facts = read_attempt_facts(db, run, progress, [record.run_id for record in (records if are_compared else listed)])
    verdict = judge_attempts(db, facts) if are_compared else None
    history = None
    if is_retried:
        attempts = build_attempts(db, facts, listed)
        own = next(attempt for attempt in attempts if attempt.run_id == run_id)
        history = RetryHistory(own, attempts, len(records) - len(attempts), verdict)
    return RunPage(history, find_author_hint(db, settings, facts, verdict) if may_tell and verdict else None)
