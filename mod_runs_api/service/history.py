"""Reading what the page of a run and the report on it say about its attempts (docs/web-pages.rst, docs/github.rst)."""

from .. import clock
from ..database import Database
from ..database.attempts import read_attempts, read_builds
from ..database.progress import read_progress
from ..database.runs import find_run
from ..domain.author import has_ended_recently
from ..domain.history import MAX_LISTED, PageNotes, Report, RetryHistory
from ..settings import Settings
from .attempts import build_attempts, read_all_attempts, read_attempt_facts
from .author import count_retries_left, find_author_hint
from .verdict import judge_attempts


def read_page_notes(db: Database, settings: Settings, run_id: int, has_button: bool) -> PageNotes:
    """
    Return what the page of a run says about retries. Raises :exc:`RunNotFound`.

    ``has_button`` is whether the visitor may retry the run there, and need not be told how its author can.
    """
    run = find_run(db, run_id)
    records = read_attempts(db, run.root_id)
    # The root run may have been deleted.
    is_retried = len(records) > 1 or records[0].source_run_id is not None
    may_tell = not has_button and settings.retry_rules.allow_author(run)
    if not is_retried and not may_tell:
        return PageNotes()
    progress = read_progress(db, [record.run_id for record in records])
    # This comes before the results are read, because crawlers read the pages of old runs.
    is_told = may_tell and has_ended_recently(progress[run_id], clock.now())
    retries_left = count_retries_left(db, settings, run, progress) if is_told else 0
    if not is_retried and not retries_left:
        return PageNotes()
    listed = records[-MAX_LISTED:][::-1] + [record for record in records[:-MAX_LISTED] if record.run_id == run_id]
    facts = read_attempt_facts(db, run, progress, read_builds(db, run.root_id))
    verdict = judge_attempts(db, facts)
    history = None
    if is_retried:
        attempts = build_attempts(facts, listed)
        own = next(attempt for attempt in attempts if attempt.run_id == run_id)
        history = RetryHistory(own, attempts, len(records) - len(attempts), verdict, facts.tests)
    return PageNotes(history, find_author_hint(db, settings, facts, verdict, retries_left))


def read_report(db: Database, settings: Settings, run_id: int) -> Report:
    """Return what the report on a run says about retries. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    facts = read_all_attempts(db, run)
    verdict = judge_attempts(db, facts)
    may_tell = settings.retry_rules.allow_author(run)
    retries_left = count_retries_left(db, settings, run, facts.progress) if may_tell else 0
    return Report(verdict, facts.list_other_builds(run_id),
                  find_author_hint(db, settings, facts, verdict, retries_left))
