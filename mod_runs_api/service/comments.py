"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from typing import NamedTuple

from sqlalchemy import Connection

from ..database.retry import find_retry
from ..database.run import find_newest_of_pull_request, read_runs
from ..domain.comments import (Command, Comment, CommentRefusal, CommentRetry, ParsedComment, PostedStatus,
                               RetryRefusal, choose_commands, list_mentioned)
from ..domain.retry import RetryRequest, digest_key
from ..domain.run import SHOWN_LENGTH
from ..errors import NothingFailed, RunNotFound, Unprocessable
from ..extension import ExtensionState
from ..host.github import GitHub, NoAnswer
from ..host.runtime import run_page, to_external
from .attempts import read_attempts
from .commit_status import post_success_again
from .conditions import policy_for_comment
from .retry import create_retry
from .users import find_writer
from .verdict import judge_attempts


class CommentResult(NamedTuple):
    """The results of the commands of a comment."""

    posted: list[PostedStatus]
    #: The retries that they created, or have created before.
    retries: list[CommentRetry]
    refusals: list[CommentRefusal]


def retry_for_comment(state: ExtensionState, comment: Comment, parsed: ParsedComment) -> CommentResult:
    """Carry out the commands of a comment. Raises :exc:`IgnoredComment` if the writer may not request retries."""
    writer = state.transactions.run(find_writer, comment, state.settings.retry_rules)
    wanted, invalid = choose_commands(parsed, writer)
    result = CommentResult([], [], [*invalid])
    if not wanted:
        return result
    pull = _PullRequest(state.github.full_name, comment.pr_nr, _find_head(state.github, comment.pr_nr))
    without_run: list[str] = []
    for command in wanted:
        # The comment's own id is the idempotency key, so a second delivery creates nothing more.
        digest = digest_key('comment', f'{comment.id} {command.platform}')
        target = state.transactions.run(_find_target, pull, command, digest)
        if target is None:
            without_run.append(command.platform)
        else:
            request = RetryRequest(target.run_id, command.failed_only, command.reason, writer.user_id,
                                   author_login=writer.author_login, idempotency_digest=digest)
            _retry_target(state, request, target, result)
    result.refusals.extend(CommentRefusal(_describe_missing_run(pull.head_commit, platform))
                           for platform in list_mentioned(without_run, parsed, wanted))
    return result


class _PullRequest(NamedTuple):
    """The pull request of a comment."""

    #: The platform's repository, ``owner/name``.
    repository: str
    number: int
    #: None if GitHub does not answer.
    head_commit: str | None


class _Target(NamedTuple):
    """The run that a command means."""

    platform: str
    run_id: int
    #: Its commit; None if it is the head of the pull request.
    named_commit: str | None
    #: The sentence about the attempts so far, for the reply to a failed-only retry.
    verdict_sentence: str | None = None

    def refuse(self, message: str) -> RetryRefusal:
        """Return the refusal of its retry."""
        return RetryRefusal(message, self.platform, self.run_id, self.named_commit)


def _find_head(github: GitHub, pr_nr: int) -> str | None:
    """Return the commit at the head of a pull request; None if GitHub does not answer."""
    try:
        return github.read_pull_request(pr_nr, None).head_commit
    except NoAnswer:
        return None


def _describe_missing_run(head_commit: str | None, platform: str) -> str:
    of = 'This pull request' if head_commit is None else f'The head commit {head_commit[:SHOWN_LENGTH]}'
    return f'{of} has no run on {platform}.'


def _retry_target(state: ExtensionState, request: RetryRequest, target: _Target, result: CommentResult) -> None:
    """Create the retry of the run that a command means, or have its status posted again, and add the result."""
    policy = policy_for_comment(state.settings, is_by_author=request.author_login is not None)
    try:
        retry = create_retry(state, request, policy)
    except NothingFailed as error:
        reposting = post_success_again(state, target.run_id)
        if reposting.status is not None:
            result.posted.append(PostedStatus(target.run_id, target.named_commit))
        else:
            sentences = filter(None, [error.message, reposting.why_not, reposting.advice])
            result.refusals.append(target.refuse(' '.join(sentences)))
    except (RunNotFound, Unprocessable) as error:
        result.refusals.append(target.refuse(error.message))
    else:
        result.retries.append(CommentRetry(
            run_id=retry.run_id, new_run_id=retry.new_run_id, failed_only=retry.failed_only,
            test_count=retry.test_count, commit=retry.commit, platform=retry.platform, replayed=retry.replayed,
            named_commit=target.named_commit, address=to_external(run_page, retry.new_run_id),
            verdict_sentence=target.verdict_sentence))


def _find_target(connection: Connection, pull: _PullRequest, command: Command, digest: str) -> _Target | None:
    """Return the run that a command means; None if there is none."""
    earlier = find_retry(connection, digest)
    # A second delivery means the same run as the first one, although there is a newer attempt by now.
    run_id = (find_newest_of_pull_request(connection, pull.repository, pull.number, command.platform, pull.head_commit)
              if earlier is None else earlier.source_run_id)
    if run_id is None:
        return None
    # The run of an earlier retry may have been deleted.
    run = read_runs(connection, [run_id]).get(run_id)
    named_commit = None if run is None or run.commit == pull.head_commit else run.commit
    if run is None or earlier is not None or not command.failed_only:
        return _Target(command.platform, run_id, named_commit)
    attempts = read_attempts(connection, run)
    return _Target(command.platform, attempts.source_of_failed, named_commit,
                   judge_attempts(connection, attempts).sentence)
