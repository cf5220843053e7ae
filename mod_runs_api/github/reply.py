"""What came of a comment, and the answer to it (docs/github.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..summary import counted


@dataclass(frozen=True)
class CommentRetry:
    """
    A retry that a comment has created.

    Attributes
    ----------
    platform : str
        "linux" or "windows".
    run_id, new_run_id, failed_only, test_count, replayed
        As in :class:`mod_runs_api.Retry`. It is ``replayed`` when an earlier delivery of the comment has created it.
    address : str or None
        The address of the new run's page; None if no URL can be built.
    known : str
        What the attempts so far have proved, in a sentence; empty if nothing is known.
    """

    platform: str
    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    replayed: bool
    address: str | None
    known: str = ''


@dataclass(frozen=True)
class CommentRefusal:
    """
    A retry that a comment asked for and did not get.

    Attributes
    ----------
    platform : str or None
        "linux" or "windows"; None if the line was not understood.
    run_id : int or None
        The run that is not retried; None if there is none.
    message : str
        Why not. It may quote the comment: :attr:`CommentOutcome.reply` makes it harmless, a log should ``repr`` it.
    """

    platform: str | None
    run_id: int | None
    message: str


@dataclass(frozen=True)
class CommentOutcome:
    """
    What came of a comment.

    Attributes
    ----------
    ignored : str or None
        Why nothing was done with it, as a sentence; None if something was, or was refused.
    retries : tuple of CommentRetry
        The retries that were created.
    refusals : tuple of CommentRefusal
        Those that were asked for and not created.
    asked : bool
        Whether a user of the platform asked for something, and may be told what came of it.
    """

    ignored: str | None = None
    retries: tuple[CommentRetry, ...] = ()
    refusals: tuple[CommentRefusal, ...] = ()
    asked: bool = True

    @property
    def reply(self) -> str:
        """
        The answer, as Markdown; empty if nobody is to be answered.

        It mentions nobody, links nothing but the new runs, and is no command itself.
        """
        if not self.asked:
            return ''
        if self.ignored is not None:
            return f'No run is retried. {_escape(self.ignored)}'
        return '\n'.join([*(f'- {_describe(retry)}' for retry in self.retries),
                          *(f'- {_explain(refusal)}' for refusal in self.refusals)])


def _describe(retry: CommentRetry) -> str:
    new_run = f'run {retry.new_run_id}' if retry.address is None else f'[run {retry.new_run_id}]({retry.address})'
    if retry.replayed:
        return f'{retry.platform}: run {retry.run_id} has already been queued again as {new_run}.'
    tests = counted(retry.test_count, 'test')
    known = f' {retry.known}' if retry.known else ''
    return (f'{retry.platform}: run {retry.run_id} is queued again as {new_run}, '
            f'with {tests}{" that did not pass" if retry.failed_only else ""}.{known}')


def _explain(refusal: CommentRefusal) -> str:
    if refusal.platform is None or refusal.run_id is None:
        return _escape(refusal.message)
    return f'{refusal.platform}: run {refusal.run_id} is not retried. {_escape(refusal.message)}'


#: Where GitHub would make a link: #1, GH-1 and what else has a number, an advisory, a commit's hash, an address.
LINK = re.compile(r'(?<=#)|(?<=-)(?=\d)|(?<=GHSA-)|(?<=[0-9a-f]{6})(?=[0-9a-f])|(?<=:)(?=//)|(?<=www)(?=\.)',
                  re.IGNORECASE)


def _escape(text: str) -> str:
    """Return Markdown that shows text on one line, and that neither mentions nor links anything."""
    # Characters that no answer can be sent with.
    text = text.encode(errors='replace').decode()
    escaped = re.sub(r'[\\`*_\[\]<>~|&$]', r'\\\g<0>', ' '.join(text.split()))
    # GitHub looks for mentions and links in the text that is shown: a backslash does not keep it from that.
    return LINK.sub('<!-- -->', escaped).replace('@', '(at)')
