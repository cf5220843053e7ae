"""Retries that a comment on a pull request requests, and the sentence that tells its author (docs/github.rst)."""

from collections.abc import Iterable
from contextlib import suppress

from ..database import Database
from ..database.retry import find_retry
from ..database.runs import find_newest_run, find_run, read_runs
from ..domain.comments import (Command, Comment, CommentRefusal, CommentRetry, InvalidCommand, Writer, choose_commands,
                               list_mentioned)
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import SHOWN_LENGTH, PullRequest
from ..errors import InvalidFields, RunNotFound, Unprocessable
from ..extension import ExtensionState
from ..host.github import find_pull_request
from ..host.runtime import run_page, to_external
from .checks import list_checks_of_comments
from .retry import create_retry
from .users import find_writer
from .validation import load_retry_fields
from .verdict import read_all_attempts, read_verdict


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
    outcomes = {platform: _retry_for_command(state, comment, pull_request, command, writer)
                for platform, command in wanted.items()}
    without_run = [platform for platform, outcome in outcomes.items() if outcome is None]
    mentioned = list_mentioned(commands, wanted, without_run)
    for platform in mentioned:
        outcomes[platform] = CommentRefusal(platform, None, _describe_missing_run(pull_request, platform))
    refusals += [outcome for outcome in outcomes.values() if isinstance(outcome, CommentRefusal)]
    return ([outcome for outcome in outcomes.values() if isinstance(outcome, CommentRetry)],
            [refusal for refusal in refusals if refusal.platform is None or outcomes[refusal.platform] is not None])


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
                       writer: Writer) -> CommentRetry | CommentRefusal | None:
    """
    Return the retry that a command creates, or has created before, or its refusal.

    Return None if there is no run on the platform.
    """
    # The comment's own id is the idempotency key, so a second delivery creates nothing more.
    digest = digest_key('comment', f'{comment.id} {command.platform}')
    run = state.transactions.run(_find_run, pull_request, command, digest)
    if run is None:
        return None
    run_id, commit = run
    request = RetryRequest(run_id, command.failed_only, command.reason, writer.user_id,
                           author_login=writer.author_login, idempotency_digest=digest)
    checks = list_checks_of_comments(state.settings, is_by_author=writer.author_login is not None)
    try:
        retry = create_retry(state, request, checks)
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
