"""
Why a run ended without a result for every selected test (docs/api.rst, "Causes").

Most runs that are asked for again did not fail: their machine did. The platform says so only in the messages of the
progress rows, which :func:`find_cause` reads. A message that is not known here is nobody's fault: "unknown".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .database import Database
from .database.ends import RunRecord, read_run_records
from .database.runs import ProgressRow

#: A person decided it, or the pull request did. Never the machine's fault.
DECISION = 'decision'
#: There is no build to run.
BUILD = 'build'
#: The code hangs.
CODE = 'code'
#: The machine, the cloud or GitHub failed. The only cause that is worth an automatic retry.
INFRASTRUCTURE = 'infrastructure'
UNKNOWN = 'unknown'

CAUSES = (DECISION, BUILD, CODE, INFRASTRUCTURE, UNKNOWN)

# The messages, each with the function of the platform's that writes it. Unless said otherwise it is one of
# mod_ci.controllers.

#: delete_expired_instances. It is written again at each tick, also after the run has completed.
TIME_LIMIT = 'Could not complete test, time limit exceeded'

#: start_ci, by way of deschedule_test: the workflow has ended, and GitHub does not show its build yet.
NOT_VISIBLE = 'Build succeeded but artifact not yet available - please retry'

#: The same, for a build that was not needed, and right after NOT_VISIBLE for the same run.
NOT_RAN = 'Not ran - no code changes'

#: progress_type_request. Whatever a worker says that gives up, and when its machine has rebooted.
OUT_OF_ORDER = 'Duplicate Entries'

#: What the worker itself says when it finds no build on its machine. The platform keeps it if the run was canceled
#: before. Of a worker that gives up later the message is empty.
NO_BUILD_ON_MACHINE = 'artifact'

#: ``flask runs-api sweep``, for a run whose machine was never heard of again.
VANISHED = 'The machine of this run has vanished.'

#: mod_test.controllers.stop_test ("Canceled by admin"), and the API's cancel_run of mod_api.routes.runs.
CANCELED_BY_PERSON = 'Canceled '

DECISIONS = frozenset({
    'PR closed',  # start_ci and blocked_users
    'PR is closed',  # gcp_instance
    'Tests canceled',  # start_ci
    'Invalid PR number',  # gcp_instance
})

BUILD_BEGINNINGS = (
    'Build failed',  # _diagnose_missing_artifact, as are the next two
    'No build',
    'Artifact not found',
    'Artifact download failed: HTTP 4',  # start_test
    'Cancelling tests as Github Action(s) failed',  # start_ci
)

INFRASTRUCTURE_MESSAGES = frozenset({'', TIME_LIMIT, OUT_OF_ORDER, NO_BUILD_ON_MACHINE, NOT_VISIBLE, VANISHED})

INFRASTRUCTURE_BEGINNINGS = (
    'GCP ',  # GCP_ERROR_MESSAGES, as are the next three; parse_gcp_error for what is not in it
    'Required GCP resource',
    'A VM with this name',
    'VM creation failed',
    'Artifact download ',  # start_test
)

#: Some of them in fewer words.
PHRASES = {
    TIME_LIMIT: 'time limit exceeded',
    NOT_VISIBLE: 'the build was not visible yet',
    OUT_OF_ORDER: 'the worker gave up or its machine rebooted',
    NO_BUILD_ON_MACHINE: 'the worker found no build on its machine',
    VANISHED: 'its machine has vanished',
}

#: How long a worker lets one regression test run, in milliseconds.
MAX_RUNTIME_OF_TEST = 600_000


class Cause(NamedTuple):
    """Why a run ended, in one word, and the message that says so."""

    name: str
    detail: str


def read_causes(db: Database, run_ids: Sequence[int]) -> dict[int, Cause | None]:
    """Return the cause of each of some runs: see :func:`find_cause`."""
    records = read_run_records(db, run_ids) if run_ids else {}
    return {run_id: find_cause(record) for run_id, record in records.items()}


def find_cause(run: RunRecord) -> Cause | None:
    """Return why a run ended; None if it has not ended, or completed with all its results, whatever came after."""
    if not run.progress.has_ended or run.progress.completed and run.has_all_results:
        return None
    rows = run.progress.rows
    *earlier, last = [row.message.strip() for row in rows]
    for row in rows:
        # Its machine is not stopped, and may write more.
        if is_canceled_by_person(row):
            return Cause(DECISION, row.message.strip())
    if last in DECISIONS or last == NOT_RAN and NOT_VISIBLE not in earlier:
        return Cause(DECISION, last)
    if last.startswith(BUILD_BEGINNINGS):
        return Cause(BUILD, last)
    if last == TIME_LIMIT and run.longest_runtime >= MAX_RUNTIME_OF_TEST:
        return Cause(CODE, last)
    if last == NOT_RAN:
        return Cause(INFRASTRUCTURE, NOT_VISIBLE)
    is_of_infrastructure = last in INFRASTRUCTURE_MESSAGES or last.startswith(INFRASTRUCTURE_BEGINNINGS)
    if run.progress.status == 'canceled' and is_of_infrastructure:
        return Cause(INFRASTRUCTURE, last or 'the worker gave up')
    if run.progress.completed:
        return Cause(INFRASTRUCTURE, 'all results are missing' if run.selected is None else
                     f'{run.missing} of {run.selected} results are missing')
    return Cause(UNKNOWN, last)


def is_infrastructure(cause: Cause | None) -> bool:
    """Return whether a run ended by infrastructure: the only cause that is worth an automatic retry."""
    return cause is not None and cause.name == INFRASTRUCTURE


def is_canceled_by_person(row: ProgressRow) -> bool:
    """Return whether a progress row is of a person who canceled the run."""
    return row.message.strip().startswith(CANCELED_BY_PERSON)


def read_phrase(db: Database, run_id: int) -> str | None:
    """
    Return why a run ended in a few words, for readers on GitHub; None if its results decide.

    Nothing is said of people: who canceled a run, and why they did, was not meant for them.
    """
    cause = read_causes(db, [run_id])[run_id]
    return None if cause is None or cause.name in (DECISION, UNKNOWN) else to_phrase(cause.detail)


def to_phrase(detail: str) -> str:
    """Return the detail of a cause in a few words: "time limit exceeded"."""
    return PHRASES.get(detail, detail.rstrip('.'))
