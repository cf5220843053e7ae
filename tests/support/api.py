"""Requests to the API, as the fixtures send them."""

from __future__ import annotations

from collections.abc import Callable

from werkzeug.test import TestResponse

#: Sends a request and returns the response: see the fixtures ``retry`` and ``attempts``.
ApiCall = Callable[..., TestResponse]
