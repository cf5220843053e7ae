"""
Checks that may refuse a retry (docs/github.rst, "Checks").

A check takes the run that is to be retried, and returns a sentence that says why not, or None. Requests call the checks
of the settings in the order of the list. Comments and automatic retries add checks, and query the database first, then
GitHub about the pull request, then GitHub about the build. If GitHub does not answer, the ready-made checks raise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from ..database.runs import find_superseding
from ..database.users import find_blocked
from ..domain.attempts import explain_unfinished
from ..domain.run import PULL_REQUEST, SHOWN_LENGTH, Run
from ..errors import RefusedByCheck
from ..extension import extension_state
from ..host.github import CheckedRun, without_token
from ..host.log import explain, log
from ..settings import Check, Settings
from .attempts import find_unfinished_attempt, read_attempts_progress


def commit_is_not_superseded(run: CheckedRun) -> str | None:
    """Refuse to retry a run if a later run is of another commit of its pull request, or of its branch and fork."""
    # The platform would replace the later run's report, and take the retry for the newest run of its branch.
    later_id = extension_state().transactions.run(find_superseding, run)
    if later_id is None:
        return None
    where = f'pull request {run.pr_nr}' if run.test_type == PULL_REQUEST else f'branch {run.branch}'
    return f'Commit {run.commit[:SHOWN_LENGTH]} is superseded: run {later_id}, of another commit of {where}, is newer.'


def every_attempt_has_ended(run: CheckedRun) -> str | None:
    """Refuse to retry a run while an attempt of it, or the run itself, is queued or running."""
    state = extension_state()
    unfinished = state.transactions.run(
        lambda db: find_unfinished_attempt(db, read_attempts_progress(db, run.root_id), state.settings.max_silence))
    return None if unfinished is None else explain_unfinished(run.id, unfinished)


def pull_request_is_open(run: CheckedRun) -> str | None:
    """Refuse to retry a run of a pull request that is closed: the platform would cancel the retry."""
    is_closed = run.pull_request is not None and run.pull_request.state == 'closed'
    return f'Pull request {run.pr_nr} is closed.' if is_closed else None


def author_is_not_blocked(run: CheckedRun) -> str | None:
    """Refuse to retry a run of a pull request whose author is among the platform's blocked users."""
    pull_request = run.pull_request
    # Deleted accounts have no user.
    if pull_request is None or pull_request.user is None:
        return None
    blocked = extension_state().transactions.run(find_blocked, [pull_request.user.id])
    return f'The author of pull request {run.pr_nr} is blocked.' if blocked else None


def build_artifact_exists(run: CheckedRun) -> str | None:
    """Refuse to retry a run whose build GitHub no longer keeps: the platform would cancel the retry."""
    build = run.find_build()
    # GitHub lists an artifact for a while after it is gone.
    if build is not None and build.expired is not True:
        return None
    return (f'The platform would find no build of commit {run.commit[:SHOWN_LENGTH]} for {run.platform}: GitHub keeps '
            'builds for 90 days, and the platform looks at the newest ones only.')


#: The ready-made checks in the order of comments and automatic retries. The platform's own are called between the two.
_FIRST: tuple[Check, ...] = (commit_is_not_superseded, every_attempt_has_ended)
_LAST: tuple[Check, ...] = (pull_request_is_open, author_is_not_blocked, build_artifact_exists)
#: The checks that are always called, independent of the settings.
_OF_COMMENTS: tuple[Check, ...] = (build_artifact_exists,)
_OF_AUTOMATIC_RETRIES: tuple[Check, ...] = (
    commit_is_not_superseded, pull_request_is_open, author_is_not_blocked, build_artifact_exists)


def list_checks_of_comments(settings: Settings) -> Sequence[Check]:
    """Return the checks of a retry that a comment requests, in their order."""
    return _order(settings.before_retry + _OF_COMMENTS)


def list_checks_of_automatic_retries(settings: Settings) -> Sequence[Check]:
    """Return the checks of an automatic retry, in their order."""
    return _order(settings.before_retry + _OF_AUTOMATIC_RETRIES)


def _order(checks: Sequence[Check]) -> Sequence[Check]:
    others = [check for check in checks if check not in _FIRST + _LAST]
    return [*filter(checks.__contains__, _FIRST), *others, *filter(checks.__contains__, _LAST)]


def call_checks(checks: Iterable[Check], run: Run, fail_closed: bool = False) -> None:
    """Raise :exc:`RefusedByCheck` if a check refuses a retry of a run. The first refusal ends the sequence."""
    checked = CheckedRun(**asdict(run))
    for check in checks:
        name = getattr(check, '__name__', type(check).__name__)
        try:
            reason = check(checked)
        except Exception as error:  # Not SystemExit: a worker's time-out ends the request.
            failure = f'raised {without_token(explain(error))}'
        else:
            if reason is None or reason == '':
                continue
            if isinstance(reason, str):
                raise RefusedByCheck(reason, run_id=run.id)
            failure = f'returned {type(reason).__name__}, which is neither str nor None'
        log.error(f'the check {name} {failure}')
        if fail_closed:
            raise RefusedByCheck(f'The check {name} gave no answer.', run_id=run.id)
