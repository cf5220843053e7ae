"""
Why a run ended, if it did not complete or its results are missing (docs/api.rst, "Causes").

Most runs that people retry failed because of the machine, not the code. The platform says so only in the messages of
the progress rows, which :func:`find_cause` reads. A message that is not in the tables has the cause "unknown".
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from .outcomes import RunTests
from .progress import CANCELED, LOST_MACHINE, TIME_LIMIT, Progress, ProgressRow

#: A person or the pull request; the build; code that hangs; the machine, the cloud or GitHub; anything else.
CauseName = Literal['decision', 'build', 'code', 'infrastructure', 'unknown']

CAUSES: tuple[CauseName, ...] = get_args(CauseName)

# The messages, with the function of the platform that writes each. Unless said otherwise, the function is one of
# mod_ci.controllers.

#: start_ci, by way of deschedule_test: the workflow has ended, and GitHub does not show its build yet.
NOT_VISIBLE = 'Build succeeded but artifact not yet available - please retry'
#: start_ci: the build was not needed. It is also written right after NOT_VISIBLE for the same run.
NOT_RAN = 'Not ran - no code changes'
#: progress_type_request, in the place of the message of a worker that gives up, or whose machine has rebooted.
OUT_OF_ORDER = 'Duplicate Entries'
#: The message of a worker that finds no build on its machine. The platform keeps it if the run was canceled before.
#: The message of a worker that gives up later is empty.
NO_BUILD_ON_MACHINE = 'artifact'
#: The detail in the place of an empty message.
WORKER_GAVE_UP = 'the worker gave up'
#: mod_test.controllers.stop_test ("Canceled by admin"), and the API's cancel_run of mod_api.routes.runs.
CANCELED_BY_PERSON = 'Canceled '
#: The end of the detail of a run that has completed without some or all of its results.
MISSING_RESULTS = 'results are missing'

#: The messages that are compared in full, each with its cause and the sentence for people.
MESSAGES: dict[str, tuple[CauseName, str]] = {
    'PR closed': ('decision', 'The pull request was closed, or its author was blocked.'),  # start_ci and blocked_users
    'PR is closed': ('decision', 'The pull request was closed.'),  # gcp_instance
    'Tests canceled': ('decision', 'The pull request was closed, or got a newer commit.'),  # start_ci
    'Invalid PR number': ('decision', 'The run has no number of a pull request.'),  # gcp_instance
    NOT_RAN: ('decision', 'The platform ran no test because no code had changed.'),
    TIME_LIMIT: ('infrastructure', 'The run exceeded the time limit.'),
    OUT_OF_ORDER: ('infrastructure', 'The worker gave up, or its machine rebooted.'),
    '': ('infrastructure', 'The worker gave up.'),
    NO_BUILD_ON_MACHINE: ('infrastructure', 'The worker found no build on its machine.'),
    NOT_VISIBLE: ('infrastructure', 'GitHub did not show the build yet, so no test ran.'),
    LOST_MACHINE: ('infrastructure', 'The machine of the run was lost.'),
}
#: The sentence for the time limit if one test ran until the worker's own limit.
CODE_HANGS = 'The code hangs: one test ran for ten minutes, and the run exceeded the time limit.'

#: The beginnings of the other messages, each with its cause and the start of a sentence that quotes the message. The
#: first that fits counts.
PREFIXES: dict[str, tuple[CauseName, str]] = {
    CANCELED_BY_PERSON: ('decision', 'A person canceled the run'),
    # GitHub says that a build is completed, too, if it waits for an approval.
    'Build failed': ('build', 'The build failed, or waits for an approval'),  # _diagnose_missing_artifact, and below
    'No build': ('build', 'There is no build'),
    'Artifact not found': ('build', 'There is no build'),
    'Artifact download failed: HTTP 404': ('build', 'The platform could not download the build'),  # start_test
    'Artifact download failed: HTTP 410': ('build', 'The platform could not download the build'),
    'Cancelling tests as Github Action(s) failed': (
        'build', 'The build failed, or waits for an approval'),  # start_ci
    'GCP ': ('infrastructure', 'The platform got no machine for the run'),  # GCP_ERROR_MESSAGES, as are the next two
    'Required GCP resource': ('infrastructure', 'The platform got no machine for the run'),
    'A VM with this name': ('infrastructure', 'The platform got no machine for the run'),
    'VM creation failed': ('infrastructure', 'The platform got no machine for the run'),  # parse_gcp_error
    # Any other failure, also HTTP 401, 403 and 429: an expired or throttled token is no missing build.
    'Artifact download ': ('infrastructure', 'The platform could not download the build'),  # start_test
    '': ('unknown', 'The run was canceled for an unknown reason'),
}

#: How long a worker lets one regression test run, in milliseconds.
MAX_RUNTIME_OF_TEST = 600_000
#: How long a sentence may be, in Unicode code points.
MAX_SENTENCE_LENGTH = 500


class Cause(NamedTuple):
    """Why a run ended, in one word, the message that says so, and a sentence for people."""

    name: CauseName
    detail: str
    sentence: str

    @classmethod
    def of_message(cls, message: str) -> 'Cause':
        """Return the cause that a message stands for."""
        if message in MESSAGES:
            name, sentence = MESSAGES[message]
            return cls(name, message or WORKER_GAVE_UP, sentence)
        name, start = next(row for beginning, row in PREFIXES.items() if message.startswith(beginning))
        return cls(name, message, _quote(start, message))

    @classmethod
    def of_missing(cls, results: str) -> 'Cause':
        """Return the cause of a run that completed without some results."""
        return cls('infrastructure', results, f'The run completed, but {results}.')

    def without_numbers(self) -> 'Cause':
        """Return the cause for counting: any number of missing results is one detail."""
        # Not by the detail alone: a person may write the same.
        return self.of_missing(MISSING_RESULTS) if self == self.of_missing(self.detail) else self


def _quote(start: str, message: str) -> str:
    """Return a sentence that quotes a message of any length and characters, which the code under test may write."""
    # On one line, and without a mark that would seem to end the quotation.
    text = ' '.join(message.split()).replace('"', "'").removesuffix('.')
    room = MAX_SENTENCE_LENGTH - len(f'{start}: "."')
    return f'{start}: "{text if len(text) <= room else text[:room - 1] + "…"}."'


def find_cancellation(rows: Sequence[ProgressRow]) -> str | None:
    """Return the message of a person who canceled a run with these progress rows; None if nobody did."""
    # In any row, because canceling does not stop the machine, which may write more rows.
    messages = (row.message.strip() for row in rows)
    return next((message for message in messages if message.startswith(CANCELED_BY_PERSON)), None)


def find_row_of(cause: Cause, progress: Progress, end: ProgressRow) -> ProgressRow:
    """Return the first canceled row of the tail that names the cause of an end, or the end if none does."""
    return next((row for row in progress.tail if Cause.of_message(row.message.strip()) == cause), end)


def find_cause(progress: Progress, tests: RunTests) -> Cause | None:
    """Return why a run ended; None if it has not ended, or completed with all its results, regardless of later rows."""
    if progress.end is None or (progress.has_completed and tests.has_all_results):
        return None
    cause = _read_messages(progress.rows)
    if cause.name in ('decision', 'build'):
        return cause
    if cause.detail == TIME_LIMIT and any(tests.results[test].has_timed_out for test in tests.own):
        return Cause('code', TIME_LIMIT, CODE_HANGS)
    # Results of a completed run are missing, unless a cancellation after its completion names a known cause.
    if progress.has_completed and (progress.stage != CANCELED or cause.name == 'unknown'):
        selected = tests.selected_at_first
        missing = f'{len(selected - tests.own)} of {len(selected)}' if tests.has_selection else 'all'
        return Cause.of_missing(f'{missing} {MISSING_RESULTS}')
    return cause


def is_ended_by_decision(rows: Sequence[ProgressRow]) -> bool:
    """Return whether a person, or the pull request, decided the end of a run with these progress rows: at least one."""
    return _read_messages(rows).name == 'decision'


def _read_messages(rows: Sequence[ProgressRow]) -> Cause:
    """Return the cause that the messages of a run stand for, without its results."""
    cancellation = find_cancellation(rows)
    if cancellation is not None:
        return Cause.of_message(cancellation)
    *earlier, last = (row.message.strip() for row in rows)
    return Cause.of_message(NOT_VISIBLE if last == NOT_RAN and NOT_VISIBLE in earlier else last)
