"""Requests and commands that share no context with the test that starts them, as on a server."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar, cast

from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from support.api import Answer

T = TypeVar('T')


def without_request(app: Flask, function: Callable[[], T]) -> T:
    """Return what a function returns that is called outside a request, as in a job."""
    def call() -> T:
        with app.app_context():
            return function()

    return Context().run(call)


class IsolatedClient(FlaskClient):
    """A client whose requests do not see the ``flask.g`` of the test, nor that of one another."""

    def __enter__(self) -> IsolatedClient:
        """Return the client, which keeps no context of a request for the block."""
        return self

    def open(self, *args: Any, **kwargs: Any) -> Answer:
        """Send a request in a context of its own."""
        return cast(Answer, Context().run(super().open, *args, **kwargs))


class IsolatedRunner(FlaskCliRunner):
    """A runner whose commands see neither the test's request nor its application context."""

    def invoke(self, *args: Any, **kwargs: Any) -> Result:
        """Run a command in a context of its own."""
        return Context().run(super().invoke, *args, **kwargs)
