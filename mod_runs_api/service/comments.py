"""Retries that a comment on a pull request requests (docs/github.rst, "Comments")."""

from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from ..database.retry import find_retry
from ..database.run import find_newest_of_pull_request, read_runs
from ..domain.comments import (Command, Comment, CommentOutcome, ParsedComment,
                               choose_commands, list_mentioned)
from ..domain.reply import Reply, Target
from ..domain.retry import Retry, RetryRequest, digest_key
from ..errors import NothingFailed, RunNotFound, Unprocessable
from ..extension import ExtensionState
from ..platform.github import GitHub, NoAnswer
from ..platform.runtime import run_page, to_external
from .attempts import read_attempts
from .commit_status import post_success_again
from .conditions import policy_for_comment
from .retry import create_retry
from .users import find_writer
from .verdict import judge_attempts


def retry_for_comment(state: ExtensionState, comment: Comment, parsed: ParsedComment) -> CommentOutcome:
    """Carry out the commands of a comment. Raises :exc:`IgnoredComment` if the writer may not request retries."""
    writer = state.transactions.run(find_writer, comment, state.settings.retry_rules)
    wanted, complaints = choose_commands(parsed, writer)
    reply = Reply()
    for complaint in complaints:
        reply.add_refusal(complaint)
    if not wanted:
        return CommentOutcome(reply=reply.markdown)
    state = replace(state, github=state.github.until_silent())
    pull = _PullRequest(state.github.full_name, comment.pr_nr, _find_head(state.github, comment.pr_nr))
    retries: list[Retry] = []
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
            retry = _retry_target(state, request, target, reply)
            if retry is not None:
                retries.append(retry)
    for platform in list_mentioned(without_run, parsed, wanted):
        reply.add_missing_run(pull.head_commit, platform)
    return CommentOutcome(tuple(retries), reply=reply.markdown)


class _PullRequest(NamedTuple):
    """The pull request of a comment."""

    #: The platform's repository, ``owner/name``.
    repository: str
    number: int
    #: None if GitHub does not answer.
    head_commit: str | None


def _find_head(github: GitHub, pr_nr: int) -> str | None:
    """Return the commit at the head of a pull request; None if GitHub does not answer."""
    try:
        return github.read_pull_request(pr_nr).head_commit
    except NoAnswer:
        return None


def _retry_target(state: ExtensionState, request: RetryRequest, target: Target,
                  reply: Reply) -> Retry | None:
    """Return the retry of the run that a command means; None if it is refused, or its status is posted again."""
    policy = policy_for_comment(state.settings, is_by_author=request.author_login is not None)
    try:
        retry = create_retry(state, request, policy)
    except NothingFailed as error:
        reposting = post_success_again(state, target.run_id)
        if reposting.status is not None:
            reply.add_posted(target)
        else:
            reply.add_refusal(' '.join(filter(None, [error.message, reposting.why_not, reposting.advice])), target)
    except (RunNotFound, Unprocessable) as error:
        reply.add_refusal(error.message, target)
    else:
        reply.add_retry(target, retry, to_external(run_page, retry.new_run_id))
        return retry
    return None


def _find_target(connection: Connection, pull: _PullRequest, command: Command, digest: str) -> Target | None:
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
        return Target(command.platform, run_id, named_commit)
    attempts = read_attempts(connection, run)
    return Target(command.platform, attempts.source_of_failed, named_commit,
                  judge_attempts(connection, attempts).sentence)
