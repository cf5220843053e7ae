"""The commit status on GitHub: a receiver for the signal ``run_retried``."""

from typing import Any

from flask import Flask

from ..host.github import post_status
from ..service.causes import phrase_of_run
from ..service.retry import read_run


def post_queued_status(_app: Flask, *, run_id: int, new_run_id: int, **_facts: Any) -> None:
    """
    Post the commit status "Tests queued" with the new run's address, in the place of the old failure.

    If the build, the code or infrastructure ended the source, the status says so: "Tests queued again: time limit
    exceeded". Off until it is connected: ``run_retried.connect(post_queued_status)``. If GitHub does not answer, the
    retry stays and the log says so.
    """
    phrase = phrase_of_run(run_id)
    post_status(read_run(new_run_id), 'pending', f'Tests queued again: {phrase}' if phrase else 'Tests queued')
