"""The signal that a host can connect to (docs/python-and-command-line.rst, "Signals")."""

from typing import Any

from blinker import NamedSignal
from flask import current_app

from .host.log import log

#: Sent after the commit, once for each run that a retry created. The sender is the application. Receivers get
#: ``run_id``, ``new_run_id``, ``failed_only``, ``reason`` and ``requester_id``; the last two may be None.
run_retried = NamedSignal('run-retried', doc='A run was retried, and the new run is committed.')


def send_run_retried(**facts: Any) -> None:
    """Send the signal from the current application. A receiver that fails is named in the log, and harms nothing."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    for receiver in run_retried.receivers_for(app):
        try:
            receiver(app, **facts)
        except (Exception, SystemExit) as error:  # The retry is committed, and the caller gets the answer.
            name = getattr(receiver, '__name__', type(receiver).__name__)
            log().error(f'{run_retried.name}: the receiver {name} failed with {type(error).__name__}')
