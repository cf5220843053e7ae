"""The outcome of a comment, and the reply to it (docs/github.rst, "Comments")."""

from dataclasses import dataclass

from ..domain.comments import CommentRefusal, CommentRetry
from ..domain.run import SHOWN_LENGTH
from ..domain.sentences import counted, queued_again


@dataclass(frozen=True)
class CommentOutcome:
    """
    The outcome of a comment (docs/github.rst, "Comments").

    Attributes
    ----------
    ignored : str or None
        The reason why the comment was ignored; None if it was not.
    retries : tuple of CommentRetry
        The retries that the comment created.
    refusals : tuple of CommentRefusal
        The retries that were refused.
    gets_reply : bool
        Whether the writer gets a reply.
    """

    ignored: str | None = None
    retries: tuple[CommentRetry, ...] = ()
    refusals: tuple[CommentRefusal, ...] = ()
    gets_reply: bool = True

    @property
    def reply(self) -> str:
        """The reply, in Markdown that mentions no account and is no command; empty if there is none."""
        if not self.gets_reply:
            return ''
        if self.ignored is not None:
            return f'No run is retried: {_quote(self.ignored)}'
        lines = [*(_describe_status(refusal) for refusal in self.refusals if refusal.posted_status),
                 *(_describe(retry) for retry in self.retries),
                 *(_explain(refusal) for refusal in self.refusals if not refusal.posted_status)]
        return '\n'.join(f'- {line}' for line in lines)


def _describe(retry: CommentRetry) -> str:
    new_run = f'run {retry.new_run_id}' if retry.address is None else f'[run {retry.new_run_id}]({retry.address})'
    if retry.replayed:
        return f'{_name(retry)} has already been queued again as {new_run}.'
    tests = f'{counted(retry.test_count, "test")}{" that did not pass" if retry.failed_only else ""}'
    verdict = f' {retry.verdict_sentence}' if retry.verdict_sentence else ''
    return f'{queued_again(_name(retry), new_run, tests)}{verdict}'


def _describe_status(refusal: CommentRefusal) -> str:
    return f'The status of {_name_run(refusal)} is posted again: success. No test of it failed.'


def _explain(refusal: CommentRefusal) -> str:
    if refusal.platform is None or refusal.run_id is None:
        return _quote(refusal.message)
    return f'{_name(refusal)} is not retried: {_quote(refusal.message)}'


def _name(outcome: CommentRetry | CommentRefusal) -> str:
    return f'{outcome.platform}: {_name_run(outcome)}'


def _name_run(outcome: CommentRetry | CommentRefusal) -> str:
    """Return the run, with its commit if that may not be the head."""
    commit = f' of commit {_quote(outcome.named_commit[:SHOWN_LENGTH])}' if outcome.named_commit else ''
    return f'run {outcome.run_id}{commit}'


def _quote(message: str) -> str:
    """Return a message as code. GitHub mentions and links nothing in code, and a message may name a branch."""
    text = ' '.join(message.encode(errors='replace').decode().replace('`', "'").split())
    return f'`{text}`'
