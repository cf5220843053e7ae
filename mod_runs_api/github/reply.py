"""The outcome of a comment, and the reply to it (docs/github.rst, "Comments")."""

from dataclasses import dataclass

from ..domain.comments import CommentRefusal, CommentRetry, PostedStatus, name_run, quote
from ..domain.sentences import counted, queued_again


@dataclass(frozen=True)
class CommentOutcome:
    """
    The outcome of a comment (docs/github.rst, "Comments").

    Attributes
    ----------
    ignored : str or None
        The reason why the comment was ignored; None if it was not.
    posted : tuple of PostedStatus
        The runs of which nothing failed, and whose success was posted again.
    retries : tuple of CommentRetry
        The retries that the comment created.
    refusals : tuple of CommentRefusal
        The lines and the retries that were refused.
    gets_reply : bool
        Whether the writer gets a reply.
    """

    ignored: str | None = None
    posted: tuple[PostedStatus, ...] = ()
    retries: tuple[CommentRetry, ...] = ()
    refusals: tuple[CommentRefusal, ...] = ()
    gets_reply: bool = True

    @property
    def reply(self) -> str:
        """The reply, in Markdown that mentions no account and is no command; empty if there is none."""
        if not self.gets_reply:
            return ''
        if self.ignored is not None:
            return f'No run is retried: {quote(self.ignored)}'
        lines = [*(f'The status of {name_run(posted)} is posted again: success. No test of it failed.'
                   for posted in self.posted),
                 *(_describe(retry) for retry in self.retries),
                 *(refusal.markdown for refusal in self.refusals)]
        return '\n'.join(f'- {line}' for line in lines)


def _describe(retry: CommentRetry) -> str:
    name = f'{retry.platform}: {name_run(retry)}'
    new_run = f'run {retry.new_run_id}' if retry.address is None else f'[run {retry.new_run_id}]({retry.address})'
    if retry.replayed:
        return f'{name} has already been queued again as {new_run}.'
    tests = f'{counted(retry.test_count, "test")}{" that did not pass" if retry.failed_only else ""}'
    verdict = f' {retry.verdict_sentence}' if retry.verdict_sentence else ''
    return f'{queued_again(name, new_run, tests)}{verdict}'
