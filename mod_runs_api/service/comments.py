"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from ..database import Database
from ..database.retry import find_retry
from ..database.runs import find_newest_run, read_runs
from ..domain.attempts import explain_unfinished
from ..domain.author import find_canceled
from ..domain.comments import (Command, Comment, CommentRefusal, CommentRetry, InvalidCommand, Writer, choose_commands,
                               drop_unmentioned)
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import SHOWN_LENGTH, PullRequest, Run
from ..errors import NothingFailed, RefusedByCheck, RunNotFound, Unprocessable
from ..extension import ExtensionState
from ..host.github import find_pull_request
from ..host.runtime import run_page, to_external
from .attempts import find_unfinished_attempt, read_all_attempts, read_attempts_progress
from .checks import list_checks_of_comments
from .retry import create_retry
from .status import post_success_again
from .users import find_writer
from .verdict import judge_attempts


def retry_for_comment(state: ExtensionState, comment: Comment,
                      commands: Sequence[Command | InvalidCommand]) -> tuple[list[CommentRetry], list[CommentRefusal]]:
    """
    Return the retries that the commands of a comment create, or have created before, and the refusals.

    Raises :exc:`IgnoredComment` if the writer may not request retries.
    """
    writer = state.transactions.run(find_writer, comment, state.settings.retry_rules)
    wanted, refusals = choose_commands(commands, writer)
    if not wanted:
        return [], refusals
    pull_request = find_pull_request(comment.pr_nr)
    outcomes = [_retry_for_command(state, comment, pull_request, command, writer) for command in wanted]
    refusals += [outcome for outcome in outcomes if isinstance(outcome, CommentRefusal)]
    return ([outcome for outcome in outcomes if isinstance(outcome, CommentRetry)],
            drop_unmentioned(refusals, commands, outcomes))


def _describe_missing_run(pull_request: PullRequest, platform: str) -> str:
    head = pull_request.head_commit
    of = 'This pull request' if head is None else f'The head commit {head[:SHOWN_LENGTH]}'
    return f'{of} has no run on {platform}.'


class _Target(NamedTuple):
    """The run that a command means."""

    run_id: int
    #: Its commit; None if it is the head of the pull request.
    commit: str | None
    #: The sentence about the attempts so far, for the reply to a failed-only retry.
    verdict_sentence: str | None = None


def _retry_for_command(state: ExtensionState, comment: Comment, pull_request: PullRequest, command: Command,
                       writer: Writer) -> CommentRetry | CommentRefusal:
    """Return the retry that a command creates, or has created before, or its refusal."""
    # The comment's own id is the idempotency key, so a second delivery creates nothing more.
    digest = digest_key('comment', f'{comment.id} {command.platform}')
    target = state.transactions.run(_find_target, pull_request, command, digest)
    if target is None:
        return CommentRefusal(command.platform, None, _describe_missing_run(pull_request, command.platform))
    request = RetryRequest(target.run_id, command.failed_only, command.reason, writer.user_id,
                           author_login=writer.author_login, idempotency_digest=digest)
    try:
        retry = create_retry(state, request, list_checks_of_comments(state.settings),
                             partial(_require_retriable, state.settings.max_silence, writer))
    except (RunNotFound, Unprocessable) as error:
        message = error.message
        if isinstance(error, NothingFailed) and post_success_again(state.transactions, target.run_id):
            message += ' The status on GitHub is posted again: success.'
        return CommentRefusal(command.platform, target.run_id, message, target.commit)
    return CommentRetry(**vars(retry), platform=command.platform, commit=target.commit,
                        address=to_external(run_page, retry.new_run_id), verdict_sentence=target.verdict_sentence)


def _find_target(db: Database, pull_request: PullRequest, command: Command, digest: str) -> _Target | None:
    """Return the run that a command means; None if there is none."""
    earlier = find_retry(db, digest)
    # A second delivery means the same run as the first one, although there is a newer attempt by now.
    run_id = find_newest_run(db, pull_request, command.platform) if earlier is None else earlier.source_run_id
    if run_id is None:
        return None
    # The run of an earlier retry may have been deleted.
    run = read_runs(db, [run_id]).get(run_id)
    commit = None if run is None or run.commit == pull_request.head_commit else run.commit
    if run is None or earlier is not None or not command.failed_only:
        return _Target(run_id, commit)
    facts = read_all_attempts(db, run)
    return _Target(facts.source_of_failed, commit, judge_attempts(db, facts).sentence)


def _require_retriable(max_silence: timedelta, writer: Writer, db: Database, run: Run) -> None:
    """Raise :exc:`RefusedByCheck` unless every attempt has ended and, for an author, no person canceled one."""
    # This runs in the transaction that creates the retry, too: the requests to GitHub before it take seconds.
    attempts = read_attempts_progress(db, run.root_id)
    unfinished = find_unfinished_attempt(db, attempts, max_silence)
    if unfinished is not None:
        raise RefusedByCheck(explain_unfinished(run.id, unfinished), run_id=run.id)
    canceled_id = None if writer.author_login is None else find_canceled(attempts, run.id)
    if canceled_id is not None:
        raise RefusedByCheck(f'A person canceled run {canceled_id}. Ask a maintainer to retry it.', run_id=run.id)
