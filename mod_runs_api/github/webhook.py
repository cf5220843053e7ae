"""Retries that are asked for in a comment on a pull request (docs/github.rst)."""

from typing import Any

from ..domain.retry import RetryRequest, digest_key
from ..domain.run import PullRequest
from ..domain.users import User
from ..domain.words import to_sentence
from ..errors import RunNotFound, Unprocessable
from ..extension import extension_state
from ..host.github import github_access
from ..host.log import log
from ..host.runtime import external_run_page
from ..service.checks import is_account_blocked
from ..service.comments import choose_run, list_github_users
from ..service.retry import create_retry
from ..service.verdict import attempts_verdict
from .checks import build_artifact_exists, in_order
from .commands import Command, InvalidCommand, read_commands
from .payload import Comment, IgnoredComment, read_payload
from .reply import CommentOutcome, CommentRefusal, CommentRetry


def retry_from_comment(payload: Any, delivery_id: str | None = None) -> CommentOutcome:
    """
    Make the retries that a comment asks for: for the ``issue_comment`` branch of the platform's webhook.

    A line ``/retry [linux] [windows] [failed] [because REASON]`` of a new comment retries the run of the pull request
    on each platform that it names, or on every one (docs/github.rst says which run that is, and who may). Equal
    lines count once, by platform and by ``failed``. A comment counts once too, however often and by whichever webhook
    it is delivered.

    The signature must have been checked. Needs an application context. See docs/github.rst, "Comments".

    Parameters
    ----------
    payload : dict
        The event as GitHub has sent it. One that lacks a field is ignored with a reason.
    delivery_id : str, optional
        The header ``X-GitHub-Delivery``. It is not looked at: GitHub does not sign it.

    Returns
    -------
    CommentOutcome

    Raises
    ------
    ServiceUnavailable
        The database is away or read-only, or still failing after all tries. Retries that were created until then
        stay; when the comment is delivered again, the others are.
    InternalError
        Any other error of the database. The log has more.
    MountError
        The blueprint is not registered in the current application.
    """
    try:
        comment = read_payload(payload)
        commands = read_commands(comment.body)
        if not commands:
            raise IgnoredComment('The comment has no command.')
        user = _find_writer(comment)
    except IgnoredComment as ignored:
        return CommentOutcome(ignored=str(ignored), asked=ignored.asked)

    # Equal lines count once: the first gives the reason.
    wanted: dict[tuple[str, bool], Command] = {}
    for command in commands:
        if isinstance(command, Command):
            wanted.setdefault((command.platform, command.failed_only), command)
    outcomes: list[CommentRetry | CommentRefusal] = [
        CommentRefusal(None, None, command.message) for command in commands if isinstance(command, InvalidCommand)]
    if wanted:
        pull_request = _find_pull_request(comment.pr_nr)
        outcomes += [_retry(comment, user, pull_request, command) for command in wanted.values()]
    return CommentOutcome(
        retries=tuple(outcome for outcome in outcomes if isinstance(outcome, CommentRetry)),
        refusals=tuple(dict.fromkeys(outcome for outcome in outcomes if isinstance(outcome, CommentRefusal))))


def _find_writer(comment: Comment) -> User:
    """Return the user who wrote a comment, if they may retry. Raises :exc:`IgnoredComment`."""
    if is_account_blocked(comment.account_id):
        # They get no answer either.
        raise IgnoredComment('The writer of the comment is blocked.')
    users = list_github_users(comment.login)
    if not users:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to nobody on this platform.')
    if len(users) > 1:
        raise IgnoredComment(f'The GitHub account {comment.login} belongs to several people on this platform.',
                             asked=True)
    if users[0].role not in extension_state().settings.retry_roles:
        raise IgnoredComment(f'The role of {comment.login} does not have permission to run tests.', asked=True)
    if comment.author_id is not None and is_account_blocked(comment.author_id):
        raise IgnoredComment('The author of this pull request is blocked.', asked=True)
    return users[0]


def _find_pull_request(number: int) -> PullRequest:
    """Return a pull request, with the commit at its head if GitHub says it."""
    access = github_access()
    head_commit: str | None = None
    try:
        head_commit = access.open_repository().get_pull(number).head.sha
    except Exception as error:
        log().warning(f'the head of pull request {number} is not known: {type(error).__name__}')
    return PullRequest(f'/{access.full_name}.git', number, head_commit)


def _retry(comment: Comment, user: User, pull_request: PullRequest, command: Command) -> CommentRetry | CommentRefusal:
    platform, failed_only = command.platform, command.failed_only
    digest = digest_key('comment', f'{comment.id} {platform} {"failed" if failed_only else "all"}')
    checks = in_order([*extension_state().settings.before_retry, build_artifact_exists])
    run_id = None
    try:
        run_id = choose_run(pull_request, platform, failed_only, digest)
        if run_id is None:
            return CommentRefusal(platform, None, f'This pull request has no run on {platform}.')
        retry = create_retry(RetryRequest(run_id, failed_only, command.reason, user.id, idempotency_digest=digest),
                             checks)
    except (RunNotFound, Unprocessable) as error:
        return CommentRefusal(platform, run_id or error.details.get('run_id'), error.message)
    return CommentRetry(platform, retry.run_id, retry.new_run_id, failed_only, retry.test_count, retry.replayed,
                        external_run_page(retry.new_run_id),
                        to_sentence(attempts_verdict(retry.new_run_id)) if failed_only else '')
