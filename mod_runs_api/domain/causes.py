"""
Why a run ended, if it did not complete or lacks results (docs/api.rst, "Causes").

Most runs that are asked for again did not fail: their machine did. The platform says so only in the messages of the
progress rows, which :func:`find_cause` reads. A message that is not known here has the cause "unknown".
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from .progress import CANCELED, Progress

#: A person or the pull request; the build; code that hangs; the machine, the cloud or GitHub; anything else.
CauseName = Literal['decision', 'build', 'code', 'infrastructure', 'unknown']

CAUSES: tuple[CauseName, ...] = get_args(CauseName)

# The messages, each with the function of the platform's that writes it. Unless said otherwise it is one of
# mod_ci.controllers.

#: delete_expired_instances. It is written again at each tick, also after the run has completed.
TIME_LIMIT = 'Could not complete test, time limit exceeded'
#: start_ci, by way of deschedule_test: the workflow has ended, and GitHub does not show its build yet.
NOT_VISIBLE = 'Build succeeded but artifact not yet available - please retry'
#: The same, for a build that was not needed, and right after NOT_VISIBLE for the same run.
NOT_RAN = 'Not ran - no code changes'
#: progress_type_request, in the place of the message of a worker that gives up, or whose machine has rebooted.
OUT_OF_ORDER = 'Duplicate Entries'
#: The message of a worker that finds no build on its machine. The platform keeps it if the run was canceled before.
#: The message of a worker that gives up later is empty.
NO_BUILD_ON_MACHINE = 'artifact'
#: ``flask runs-api sweep``, for a run whose machine was never heard of again.
LOST_MACHINE = 'The machine of this run has vanished.'
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

INFRASTRUCTURE_MESSAGES = frozenset({'', TIME_LIMIT, OUT_OF_ORDER, NO_BUILD_ON_MACHINE, NOT_VISIBLE, LOST_MACHINE})

INFRASTRUCTURE_BEGINNINGS = (
    'GCP ',  # GCP_ERROR_MESSAGES, as are the next three; parse_gcp_error for the others
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
    LOST_MACHINE: 'its machine has vanished',
}

#: How long a worker lets one regression test run, in milliseconds.
MAX_RUNTIME_OF_TEST = 600_000
#: The cause of a run that has completed without some or all of its results.
MISSING_RESULTS = 'results are missing'


class Cause(NamedTuple):
    """Why a run ended, in one word, and the message that says so."""

    name: CauseName
    detail: str

    def without_numbers(self) -> 'Cause':
        """Return the cause to be counted by: how many results are missing makes no difference."""
        return self._replace(detail=MISSING_RESULTS) if self.detail.endswith(f' {MISSING_RESULTS}') else self


@dataclass(frozen=True)
class RunRecord:
    """The progress and the numbers of results of a run. Results are its own: carried-over ones do not count."""

    progress: Progress
    #: The number of regression tests that were selected when it was made. None if it has no rows in
    #: ``customized_test``: nobody knows any more.
    selected: int | None
    #: How many of those have no result.
    missing: int
    results: int
    #: Of the slowest regression test, in milliseconds.
    longest_runtime: int

    @property
    def has_all_results(self) -> bool:
        """Whether every selected test has a result. If nobody knows what was selected, any result is enough."""
        return bool(self.results) if self.selected is None else not self.missing

    @property
    def infrastructure_failure(self) -> Cause | None:
        """Its cause, if infrastructure ended it: the only one that is worth an automatic retry."""
        cause = find_cause(self)
        return cause if cause is not None and cause.name == 'infrastructure' else None


def find_cause(run: RunRecord) -> Cause | None:
    """Return why a run ended; None if it has not ended, or completed with all its results, whatever came after."""
    progress = run.progress
    if progress.end is None or progress.completed and run.has_all_results:
        return None
    messages = [row.message.strip() for row in progress.rows]
    *earlier, last = messages
    for message in messages:
        # In any row: canceling does not stop the machine, which may write more.
        if message.startswith(CANCELED_BY_PERSON):
            return Cause('decision', message)
    if last in DECISIONS or last == NOT_RAN and NOT_VISIBLE not in earlier:
        return Cause('decision', last)
    if last.startswith(BUILD_BEGINNINGS):
        return Cause('build', last)
    if last == TIME_LIMIT and run.longest_runtime >= MAX_RUNTIME_OF_TEST:
        return Cause('code', last)
    if last == NOT_RAN:
        return Cause('infrastructure', NOT_VISIBLE)
    is_of_infrastructure = last in INFRASTRUCTURE_MESSAGES or last.startswith(INFRASTRUCTURE_BEGINNINGS)
    if progress.status == CANCELED and is_of_infrastructure:
        return Cause('infrastructure', last or 'the worker gave up')
    if progress.completed:
        missing = 'all' if run.selected is None else f'{run.missing} of {run.selected}'
        return Cause('infrastructure', f'{missing} {MISSING_RESULTS}')
    return Cause('unknown', last)


def to_phrase(detail: str) -> str:
    """Return the detail of a cause in a few words: "time limit exceeded"."""
    return PHRASES.get(detail, detail.rstrip('.'))
