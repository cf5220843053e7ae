"""The commit status on GitHub: a receiver for the signal ``run_retried``."""

from typing import Any

from flask import Flask

from ..host.github import CommitStatus, post_status
from ..host.runtime import external_run_page
from ..service.causes import phrase_of_run
from ..service.retry import read_run


def post_queued_status(_app: Flask, *, run_id: int, new_run_id: int, **_facts: Any) -> None:
    """
    Post the commit status "Tests queued" with the new run's address, in the place of the old failure.

    If the source did not end by its results, the status says why: "Tests queued again: time limit exceeded". Off until
    it is connected: ``run_retried.connect(post_queued_status)``. If GitHub does not answer, the retry stays and the log
    says so.
    """
    run, phrase = read_run(new_run_id), phrase_of_run(run_id)
    description = f'Tests queued again: {phrase}' if phrase else 'Tests queued'
    post_status(run.commit, run.platform, CommitStatus('pending', description, external_run_page(new_run_id)))
