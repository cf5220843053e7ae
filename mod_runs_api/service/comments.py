"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from ..database import Database
from ..database.retry import find_retry
from ..database.runs import find_newest_run, find_run, read_runs
from ..domain.comments import (Command, Comment, CommentRefusal, CommentRetry, InvalidCommand, Writer, choose_commands,
                               drop_unmentioned)
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import SHOWN_LENGTH, PullRequest
from ..errors import InvalidFields, RunNotFound, Unprocessable
from ..extension import ExtensionState
from ..host.github import find_pull_request
from ..host.runtime import run_page, to_external
from .attempts import read_all_attempts
from .author import require_retries_left
from .checks import list_checks_of_comments
from .retry import create_retry
from .users import find_writer
from .validation import load_retry_fields
from .verdict import read_verdict


def retry_for_comment(state: ExtensionState, comment: Comment,
                      commands: Iterable[Command | InvalidCommand]) -> tuple[list[CommentRetry], list[CommentRefusal]]:
    """
    Return the retries that the commands of a comment create, or have created before, and the refusals.

    Raises :exc:`IgnoredComment` if the writer may not request retries.
    """
    writer = state.transactions.run(find_writer, comment, state.settings.retry_rules)
    commands = [_check_reason(command) for command in commands]
    wanted, refusals = choose_commands(commands, writer)
    if not wanted:
        return [], refusals
    pull_request = find_pull_request(comment.pr_nr)
    outcomes = [_retry_for_command(state, comment, pull_request, command, writer) for command in wanted]
    refusals += [outcome for outcome in outcomes if isinstance(outcome, CommentRefusal)]
    return ([outcome for outcome in outcomes if isinstance(outcome, CommentRetry)],
            drop_unmentioned(refusals, commands, outcomes))


def _check_reason(command: Command | InvalidCommand) -> Command | InvalidCommand:
    """Return a command, or why its reason cannot be stored. It is refused and not cut."""
    if isinstance(command, Command) and command.reason is not None:
        try:
            load_retry_fields({'reason': command.reason})
        except InvalidFields as error:
            return InvalidCommand(f'The reason cannot be stored. {" ".join(error.details["fields"]["reason"])}')
    return command


def _describe_missing_run(pull_request: PullRequest, platform: str) -> str:
    head = pull_request.head_commit
    of = 'This pull request' if head is None else f'The head commit {head[:SHOWN_LENGTH]}'
    return f'{of} has no run on {platform}.'


def _retry_for_command(state: ExtensionState, comment: Comment, pull_request: PullRequest, command: Command,
                       writer: Writer) -> CommentRetry | CommentRefusal:
    """Return the retry that a command creates, or has created before, or its refusal."""
    # The comment's own id is the idempotency key, so a second delivery creates nothing more.
    digest = digest_key('comment', f'{comment.id} {command.platform}')
    run = state.transactions.run(_find_run, pull_request, command, digest)
    if run is None:
        return CommentRefusal(command.platform, None, _describe_missing_run(pull_request, command.platform))
    run_id, commit = run
    request = RetryRequest(run_id, command.failed_only, command.reason, writer.user_id,
                           author_login=writer.author_login, idempotency_digest=digest)
    guard = None if writer.author_login is None else partial(require_retries_left, state.settings.author_retries)
    try:
        retry = create_retry(state, request, list_checks_of_comments(state.settings), guard)
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(command.platform, run_id, error.message, commit)
    verdict_sentence = None
    if command.failed_only:
        with suppress(RunNotFound):  # The new run has just been deleted.
            verdict_sentence = state.transactions.run(read_verdict, retry.new_run_id).sentence
    return CommentRetry(**vars(retry), platform=command.platform, commit=commit,
                        address=to_external(run_page, retry.new_run_id), verdict_sentence=verdict_sentence)


def _find_run(db: Database, pull_request: PullRequest, command: Command, digest: str) -> tuple[int, str | None] | None:
    """Return the run that a command means, and its commit unless that is the head; None if there is no run."""
    earlier = find_retry(db, digest)
    # A second delivery means the same run as the first one, although there is a newer attempt by now.
    run_id = find_newest_run(db, pull_request, command.platform) if earlier is None else earlier.source_run_id
    if run_id is None:
        return None
    if command.failed_only and earlier is None:
        run_id = read_all_attempts(db, find_run(db, run_id)).source_of_failed
    # The run of an earlier retry may have been deleted.
    commits = [run.commit for run in read_runs(db, [run_id]).values() if run.commit != pull_request.head_commit]
    return run_id, commits[0] if commits else None
