"""
The reply to a comment, in Markdown that mentions no account and is no command (docs/github.rst, "Comments").

Messages stand in code, in which GitHub mentions and links nothing: a message may name a branch.
"""

from typing import NamedTuple

from .retry import Retry
from .run import SHOWN_LENGTH
from .sentences import counted, queued_again


class Target(NamedTuple):
    """The run that a command means."""

    platform: str
    run_id: int
    #: Its commit, if the reply names it: it may not be the head of the pull request.
    named_commit: str | None
    #: The sentence about the attempts so far, for the reply to a failed-only retry.
    verdict_sentence: str | None = None

    @property
    def name(self) -> str:
        """The run as replies name it, with its commit if that may not be the head."""
        commit = f' of commit {quote(self.named_commit[:SHOWN_LENGTH])}' if self.named_commit else ''
        return f'run {self.run_id}{commit}'


class Reply:
    """The lines of a reply: the statuses that were posted again, then the retries, then the refusals."""

    def __init__(self) -> None:
        self._posted: list[str] = []
        self._retries: list[str] = []
        self._refusals: list[str] = []

    def add_posted(self, target: Target) -> None:
        """Say that the success of a run was posted again, because no test of it failed."""
        self._posted.append(f'The status of {target.name} is posted again: success. No test of it failed.')

    def add_retry(self, target: Target, retry: Retry, address: str | None) -> None:
        """Say that a run is retried. ``address`` is that of the new run's page, if a URL can be built."""
        name = f'{target.platform}: {target.name}'
        new_run = f'run {retry.new_run_id}' if address is None else f'[run {retry.new_run_id}]({address})'
        if retry.replayed:
            self._retries.append(f'{name} has already been queued again as {new_run}.')
            return
        tests = f'{counted(retry.test_count, "test")}{" that did not pass" if retry.failed_only else ""}'
        verdict = f' {target.verdict_sentence}' if target.verdict_sentence else ''
        self._retries.append(f'{queued_again(name, new_run, tests)}{verdict}')

    def add_refusal(self, message: str, target: Target | None = None) -> None:
        """Say why a line, or the retry of a run, is refused."""
        run = f'{target.platform}: {target.name} is not retried: ' if target else ''
        self._refusals.append(f'{run}{quote(message)}')

    def add_missing_run(self, head_commit: str | None, platform: str) -> None:
        """Say that a platform has no run, whatever the commit if the head of the pull request is unknown."""
        of = 'This pull request' if head_commit is None else f'The head commit {head_commit[:SHOWN_LENGTH]}'
        self.add_refusal(f'{of} has no run on {platform}.')

    @property
    def markdown(self) -> str:
        """The whole reply."""
        return '\n'.join(f'- {line}' for line in [*self._posted, *self._retries, *self._refusals])


def reply_to_ignored(reason: str) -> str:
    """Return the reply to a comment that is ignored as a whole."""
    return f'No run is retried: {quote(reason)}'


def quote(message: str) -> str:
    """Return a message as code."""
    text = ' '.join(message.encode(errors='replace').decode().replace('`', "'").split())
    return f'`{text}`'
