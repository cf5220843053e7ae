"""Asking the checks that may refuse a retry (docs/github.rst, "Checks")."""

from collections.abc import Sequence
from dataclasses import asdict

from ..database.attempts import read_attempt_ids
from ..database.progress import read_progress
from ..database.runs import find_superseding
from ..database.users import is_blocked
from ..domain.run import Run
from ..errors import Unprocessable
from ..extension import extension_state
from ..host.github import CheckedRun
from ..host.log import log
from ..settings import Check


def ask_checks(checks: Sequence[Check], run: Run, silence_refuses: bool = False) -> None:
    """
    Raise :exc:`Unprocessable` if a check refuses a retry of a run. The first refusal ends it.

    A check that fails, or has no answer, is logged. It refuses nothing, or with ``silence_refuses`` the retry.
    """
    checked = CheckedRun(**asdict(run))
    for number, check in enumerate(checks):
        if check in checks[:number]:  # By equality: a check may not be hashable.
            continue
        name = getattr(check, '__name__', type(check).__name__)
        try:
            reason = check(checked)
        except (Exception, SystemExit) as error:
            trouble = f'failed with {type(error).__name__}'
        else:
            if reason is None or reason == '':
                continue
            if isinstance(reason, str):
                raise Unprocessable(reason, {'run_id': run.id})
            trouble = f'returned {type(reason).__name__}, which is neither str nor None'
        log().error(f'RUNS_API_BEFORE_RETRY: {name} {trouble}')
        if silence_refuses:
            raise Unprocessable(f'{name} has no answer.', {'run_id': run.id})


def superseding_run(run: Run) -> int | None:
    """Return the first later run of another commit of the same pull request, or of the same branch and fork."""
    return extension_state().transactions.run(find_superseding, run)


def queued_attempt(run: Run) -> int | None:
    """Return an attempt of a run, or the run itself, that is still queued."""
    transactions = extension_state().transactions
    progress = transactions.run(read_progress, transactions.run(read_attempt_ids, run.root_id))
    return next((attempt.run_id for attempt in progress.values() if attempt.status is None), None)


def is_account_blocked(account_id: int) -> bool:
    """Return whether an account on GitHub may start nothing."""
    return extension_state().transactions.run(is_blocked, account_id)
