"""What a host can hear of: retries that were made."""

from __future__ import annotations

from typing import Any

from blinker import Namespace
from flask import Flask

from . import host

#: Sent after the commit, once for each run that a retry made; the sender is the application. Receivers get
#: ``run_id``, ``new_run_id``, ``failed_only``, ``reason`` and ``requester_id``, the last two of which may be None.
run_retried = Namespace().signal('run-retried', doc='A run was retried; the new run is committed.')


def send_run_retried(app: Flask, **facts: Any) -> None:
    """
    Tell every receiver of :data:`run_retried`.

    Parameters
    ----------
    app : Flask
        The application in which the run was made.
    **facts
        What the receivers are told.
    """
    for receiver in run_retried.receivers_for(app):
        try:
            receiver(app, **facts)
        except Exception as error:
            # The retry is made and stays: what somebody wanted to do about it is their own affair.
            name = getattr(receiver, '__name__', type(receiver).__name__)
            host.log().error(f'run_retried: the receiver {name} failed with {type(error).__name__}')
