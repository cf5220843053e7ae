"""The author of a pull request: how many retries are left, and the sentence that says so (docs/github.rst)."""

from collections.abc import Mapping

from sqlalchemy import Connection

from .. import clock
from ..database.attempts import count_author_retries
from ..database.outcomes import read_expected_today
from ..database.retry import read_automatic_sources
from ..database.run import find_newest_of_pull_request
from ..domain.attempts import Attempts
from ..domain.author import AuthorHint, find_canceled, find_unexplained
from ..domain.conditions import find_unfinished
from ..domain.progress import Progress
from ..domain.run import Run
from ..domain.sweep import find_infrastructure_failure
from ..domain.verdict import Verdict
from ..extension import ExtensionState
from .master import find_failing_on_master


def count_usable_retries(connection: Connection, state: ExtensionState, run: Run,
                         progress: Mapping[int, Progress]) -> int:
    """Return how many retries of a run its author may request now; 0 if the command would take another run, or none."""
    if find_unfinished(progress.values()) is not None:
        return 0
    # The run that the command takes if GitHub does not answer. No request is sent here.
    newest_id = find_newest_of_pull_request(connection, state.github.full_name, run.pr_nr, run.platform,
                                            head_commit=None)
    if newest_id != run.root_id:
        return 0
    return max(0, state.settings.retry_rules.author_retries - count_author_retries(connection, run.root_id))


def find_author_hint(connection: Connection, state: ExtensionState, attempts: Attempts, verdict: Verdict,
                     retries_left: int) -> AuthorHint | None:
    """Return the sentence that names the command to the author; None if the command would do nothing of use."""
    source_id = attempts.source_of_failed
    cause = attempts.find_cause(source_id)
    was_decided = cause is not None and cause.name == 'decision'
    if was_decided or find_canceled(attempts.progress, source_id) is not None:
        return None
    option = state.settings.retry_rules.option_for_failed(
        source_id, attempts.progress[source_id].stage, attempts.tests[source_id], attempts.catalogue.active)
    tests = {*option.regression_test_ids}
    expected_today = read_expected_today(connection, [source_id], attempts.catalogue)[source_id]
    if not tests & expected_today.find_approved(attempts.tests[source_id]):
        unexplained = find_unexplained(tests, verdict.tests)
        _, failing_on_master = find_failing_on_master(connection, attempts, source_id, unexplained)
        if not unexplained - failing_on_master:
            return None
    has_no_build = cause is not None and cause.name == 'build'
    may_start_by_itself = state.settings.automatic_retries > 0 and _is_retried_by_sweep(
        connection, attempts, state.settings.automatic_retries)
    return AuthorHint.of(attempts.run.platform, retries_left, has_no_build, may_start_by_itself)


def _is_retried_by_sweep(connection: Connection, attempts: Attempts, retries_allowed: int) -> bool:
    """Return whether infrastructure ended the newest attempt, and a sweep may still retry it."""
    newest_id = max(attempts.progress)
    failure = find_infrastructure_failure(attempts.progress[newest_id], attempts.tests[newest_id], clock.now())
    if failure is None:
        return False
    sources = read_automatic_sources(connection, [attempts.run.root_id])[attempts.run.root_id]
    # An automatic retry that was deleted is not made again.
    return newest_id not in sources and len(sources) < retries_allowed
