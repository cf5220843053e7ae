"""
Checks that may refuse a retry, and asking them (docs/github.rst, "Checks").

A check takes the run that is to be retried, and returns a sentence that says why not, or None. Those of the settings
are asked as they are given. A comment and a sweep ask further ones, whatever the settings say, and all of them in an
order of their own: the database first, then GitHub about the pull request, then about the build. If GitHub does not
answer, the ready-made checks raise: see :func:`ask_checks`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from ..database.attempts import read_attempt_ids
from ..database.progress import read_progress
from ..database.runs import find_superseding
from ..database.users import is_blocked
from ..domain.run import PULL_REQUEST, SHOWN_LENGTH, Run
from ..errors import RefusedByCheck
from ..extension import extension_state
from ..host.github import CheckedRun
from ..host.log import log
from ..settings import Check, Settings


def commit_is_not_superseded(run: CheckedRun) -> str | None:
    """Refuse to retry a run if a later run is of another commit of its pull request, or of its branch and fork."""
    # The platform would replace the later run's report, and take the retry for the newest run of its branch.
    later_id = extension_state().transactions.run(find_superseding, run)
    if later_id is None:
        return None
    where = f'pull request {run.pr_nr}' if run.test_type == PULL_REQUEST else f'branch {run.branch}'
    return f'Commit {run.commit[:SHOWN_LENGTH]} is superseded: run {later_id}, of another commit of {where}, is newer.'


def no_attempt_is_queued(run: CheckedRun) -> str | None:
    """Refuse to retry a run while an attempt of it, or the run itself, is queued."""
    progress = extension_state().transactions.run(
        lambda db: read_progress(db, read_attempt_ids(db, run.root_id)))
    queued_id = next((attempt.run_id for attempt in progress.values() if attempt.status is None), None)
    return None if queued_id is None else f'Run {queued_id}, an attempt of the same run, is still queued.'


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
    found = extension_state().transactions.run(is_blocked, pull_request.user.id)
    return f'The author of pull request {run.pr_nr} is blocked.' if found else None


def build_artifact_exists(run: CheckedRun) -> str | None:
    """Refuse to retry a run whose build GitHub no longer keeps: the new run would die in the queue."""
    build = run.find_build()
    # GitHub lists an artifact for a while after it is gone.
    if build is not None and build.expired is not True:
        return None
    return (f'The platform would find no build of commit {run.commit[:SHOWN_LENGTH]} for {run.platform}: GitHub keeps '
            'builds for 90 days, and the platform looks at the newest ones only.')


#: The order of the ready-made ones: those that ask the database alone, before others, and those that ask GitHub, after.
_FIRST: tuple[Check, ...] = (commit_is_not_superseded, no_attempt_is_queued)
_LAST: tuple[Check, ...] = (pull_request_is_open, author_is_not_blocked, build_artifact_exists)


def checks_of_comments(settings: Settings) -> list[Check]:
    """Return the checks that a comment asks: those of the settings, and whether there is a build."""
    return _in_order([*settings.before_retry, build_artifact_exists])


def checks_of_sweeps(settings: Settings) -> list[Check]:
    """Return the checks without whose consent no automatic retry is made: those of the settings, and four."""
    return _in_order([*settings.before_retry, commit_is_not_superseded, pull_request_is_open, author_is_not_blocked,
                      build_artifact_exists])


def _in_order(checks: Iterable[Check]) -> list[Check]:
    listed = list(checks)
    others = [check for check in listed if check not in _FIRST + _LAST]
    return [*filter(listed.__contains__, _FIRST), *others, *filter(listed.__contains__, _LAST)]


def ask_checks(checks: Sequence[Check], run: Run, fail_closed: bool = False) -> None:
    """Raise :exc:`RefusedByCheck` if a check refuses a retry of a run. The first refusal ends it."""
    # A check that fails, or has no answer, is logged. It refuses nothing, or with fail_closed the retry.
    checked = CheckedRun(**asdict(run))
    for check in checks:
        name = getattr(check, '__name__', type(check).__name__)
        try:
            reason = check(checked)
        except (Exception, SystemExit) as error:
            trouble = f'failed with {type(error).__name__}'
        else:
            if reason is None or reason == '':
                continue
            if isinstance(reason, str):
                raise RefusedByCheck(reason, run_id=run.id)
            trouble = f'returned {type(reason).__name__}, which is neither str nor None'
        log().error(f'the check {name} {trouble}')
        if fail_closed:
            raise RefusedByCheck(f'{name} has no answer.', run_id=run.id)
