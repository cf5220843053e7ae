"""
Checks for ``RUNS_API_BEFORE_RETRY`` (docs/github.rst, "Checks"): one of them, or a list.

Each takes the run that is to be retried, and returns why not, as a sentence, or None.

By default a person's retry asks none of them, a comment asks :func:`build_artifact_exists`, and the sweep asks all.
Each question is put to GitHub once a retry. If no answer comes, the checks raise what went wrong: who asks them decides
what that means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from ..database.runs import Source, find_superseding
from ..database.users import is_blocked
from ..errors import MountError
from ..extension import extension_state
from ..host.github import (artifact_search_limit, find_build_artifact,
                           github_access)
from ..host.models import PULL_REQUEST, full_name
from ..settings import Check

#: What GitHub has said about each run that is being retried.
_ANSWERS: WeakKeyDictionary[Source, dict[str, Any]] = WeakKeyDictionary()
#: In the place of an answer. Not the exception: its traceback would keep the run in memory for ever.
_NO_ANSWER = object()


def build_artifact_exists(source: Source) -> str | None:
    """
    Refuse to retry a run whose build GitHub no longer keeps: the new run would die in the queue.

    The check looks where the platform's job will look, with the platform's own function. That function returns None
    both for a missing artifact and when GitHub did not answer. So None is believed only after a search through
    all artifacts, or through as many as the platform ever looks at.
    """
    def is_gone() -> bool:
        searched = _SearchedRepository(_repository(source))
        artifact = find_build_artifact(searched, source.commit, source.platform)
        if artifact is None and not searched.is_complete():
            raise LookupError('GitHub did not answer.')
        # GitHub lists an artifact for a while after it is gone.
        return artifact is None or artifact.expired is True

    if not _ask_github(source, 'build', is_gone):
        return None
    return (f'GitHub has no build of commit {source.commit[:8]} for {source.platform}, or no longer: it keeps builds '
            'for 90 days, and the platform looks at the newest 500 artifacts.')


def pull_request_is_open(source: Source) -> str | None:
    """
    Refuse to retry a run of a pull request that is closed or merged.

    The platform would cancel the new run, and mark the commit as failed.
    """
    pull_request = _pull_request(source)
    if pull_request is None or pull_request.state != 'closed':
        return None
    return f'Pull request {source.pr_nr} is closed.'


def author_is_not_blocked(source: Source) -> str | None:
    """
    Refuse to retry a run of a pull request whose author is among the platform's blocked users.

    Raises :exc:`MountError` on a host without ``BlockedUsers``: that is logged, and refuses nothing.
    """
    state = extension_state()
    if state.tables.host.BlockedUsers is None:
        raise MountError(f'author_is_not_blocked needs the model {full_name("BlockedUsers")}.')
    pull_request = _pull_request(source)
    # Deleted accounts have no user.
    if pull_request is None or pull_request.user is None:
        return None
    if not state.transactions.run(is_blocked, pull_request.user.id):
        return None
    return f'The author of pull request {source.pr_nr} is blocked.'


def commit_is_not_superseded(source: Source) -> str | None:
    """
    Refuse to retry a run if a later commit of the same pull request, or of the same branch and fork, has a run.

    The platform would replace the later commit's report with the retry's, and take the retry for the newest run of
    its branch.
    """
    run_id = extension_state().transactions.run(find_superseding, source)
    if run_id is None:
        return None
    where = f'pull request {source.pr_nr}' if source.test_type == PULL_REQUEST else f'branch {source.branch}'
    return f'Commit {source.commit[:8]} is superseded: run {run_id} is of a later commit of {where}.'


def list_ready_made() -> list[Check]:
    """Return the checks that the current application can ask. No automatic retry is made without them."""
    checks: list[Check] = [build_artifact_exists, pull_request_is_open, commit_is_not_superseded]
    if extension_state().tables.host.BlockedUsers is not None:
        checks.append(author_is_not_blocked)
    return checks


def _pull_request(source: Source) -> Any:
    """Return the pull request of a run as PyGithub's; None if there is none."""
    if not source.pr_nr:
        return None
    return _ask_github(source, 'pull request', lambda: _repository(source).get_pull(source.pr_nr))


def _repository(source: Source) -> Any:
    return _ask_github(source, 'repository', github_access().open_repository)


def _ask_github(source: Source, what: str, question: Callable[[], Any]) -> Any:
    """Return the answer to a question, put once a retry. Raises what went wrong; later :exc:`LookupError`."""
    answers = _ANSWERS.setdefault(source, {})
    if what not in answers:
        answers[what] = _NO_ANSWER
        answers[what] = question()
    if answers[what] is _NO_ANSWER:
        raise LookupError('GitHub did not answer the check before.')
    return answers[what]


class _SearchedRepository:
    """A repository of PyGithub's that notices how far a search through its artifacts gets."""

    def __init__(self, repository: Any) -> None:
        self._repository = repository
        self._count = 0
        self._ended = False

    def get_artifacts(self) -> Iterator[Any]:
        """Yield the artifacts."""
        for artifact in self._repository.get_artifacts():
            self._count += 1
            yield artifact
        self._ended = True

    def is_complete(self) -> bool:
        """Return whether the search saw all artifacts, or as many as the platform ever looks at."""
        return self._ended or self._count >= artifact_search_limit()
