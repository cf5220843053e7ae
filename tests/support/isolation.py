"""Requests and commands that share no context with the test that starts them, as on a server."""

from contextvars import Context

from flask.testing import FlaskClient, FlaskCliRunner


def without_request(app, function):
    """Return what a function returns that is called outside a request, as in a job."""
    def call():
        with app.app_context():
            return function()

    return Context().run(call)


class IsolatedClient(FlaskClient):
    """A client whose requests do not see the ``flask.g`` of the test, nor that of one another."""

    def __enter__(self):
        """Return the client, which keeps no context of a request for the block."""
        return self

    def open(self, *args, **kwargs):
        """Send a request in a context of its own."""
        return Context().run(super().open, *args, **kwargs)


class IsolatedRunner(FlaskCliRunner):
    """A runner whose commands see neither the test's request nor its application context."""

    def invoke(self, *args, **kwargs):
        """Run a command in a context of its own."""
        return Context().run(super().invoke, *args, **kwargs)
