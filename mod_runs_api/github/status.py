"""The commit status on GitHub: a receiver for the signal ``run_retried``."""

from __future__ import annotations

from typing import Any

from flask import Flask

from ..database.runs import find_commit
from ..extension import extension_state
from ..host.github import github_access, post_pending_status
from ..host.runtime import external_run_page


def post_queued_status(_app: Flask, *, new_run_id: int, **_facts: Any) -> None:
    """
    Post the commit status "Tests queued" with the new run's address, in the place of the old failure.

    Off until it is connected: ``run_retried.connect(post_queued_status)``. If GitHub does not answer, the retry
    stays and the log says so.

    Parameters
    ----------
    _app : Flask
        The sender of the signal.
    new_run_id : int
        The run that was created.
    **_facts
        What else the signal says.
    """
    run = extension_state().transactions.run(find_commit, new_run_id)
    post_pending_status(github_access().open_repository(), run.commit, run.platform, 'Tests queued',
                        external_run_page(new_run_id))
