"""Reading what the page of a run, and the report on it, say about its attempts (docs/web-pages.rst)."""

from collections.abc import Collection

from sqlalchemy import Connection

from .. import clock
from ..database.attempts import read_records, read_sources
from ..database.progress import read_progress
from ..database.run import find_run
from ..domain.author import LEFT_TO_MAINTAINERS, has_ended_recently
from ..domain.causes import find_cancellation
from ..domain.history import MAX_LISTED, PageNotes, RetryHistory
from ..extension import ExtensionState
from .attempts import complete_attempts
from .author import count_usable_retries, find_author_hint
from .verdict import judge_attempts


def read_list_notes(connection: Connection, run_ids: Collection[int]) -> dict[int, int]:
    """Return what a list of runs says about retries: the source of each run that is one."""
    # One statement, but pages call the service alone.
    return read_sources(connection, run_ids)


def read_page_notes(connection: Connection, state: ExtensionState, run_id: int, has_button: bool) -> PageNotes:
    """
    Return what the page of a run, or the report on it, says about retries. Raises :exc:`RunNotFound`.

    ``has_button`` is whether the visitor may retry the run there, and need not be told how its author can.
    """
    run = find_run(connection, run_id)
    records = read_records(connection, [run.root_id])[run.root_id]
    # The root run may have been deleted.
    is_retried = len(records) > 1 or records[run_id].retry is not None
    may_tell = not has_button and state.settings.retry_rules.allow_author(run)
    if not is_retried and not may_tell:
        return PageNotes()
    progress = read_progress(connection, list(records))
    # This comes before the results are read, because crawlers read the pages of old runs.
    is_told = may_tell and has_ended_recently(progress[run_id], clock.now())
    retries_left = count_usable_retries(connection, state, run, progress) if is_told else 0
    if not is_retried and not retries_left:
        return PageNotes()
    attempts = complete_attempts(connection, run, records, progress)
    verdict = judge_attempts(connection, attempts)
    history = None
    if is_retried:
        newest = sorted(records, reverse=True)[:MAX_LISTED]
        listed = newest if run_id in newest else [*newest, run_id]
        history = RetryHistory(attempts.describe(run_id), [attempts.describe(listed_id) for listed_id in listed],
                               len(records) - len(listed), verdict, attempts.tests)
    if not retries_left:
        return PageNotes(history)
    # Only the newest attempt counts, because the red status of before leads here. If a person canceled the one that
    # failed, find_author_hint returns None.
    if find_cancellation(progress[max(progress)].rows) is not None:
        return PageNotes(history, left_to_maintainers=LEFT_TO_MAINTAINERS)
    return PageNotes(history, find_author_hint(connection, state, attempts, verdict, retries_left))
