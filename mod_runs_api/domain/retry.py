"""
Retries, and the requests for them (docs/api.rst, "Retry a run").

:class:`RetryRules` decides who may retry, and which tests a retry runs or why it is refused. A retry, its preview and
the sweep all ask it.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..errors import (InactiveTests, NothingFailed, Refusal, RefusedByCheck,
                      RunNotFinished)
from .attempts import derive_status
from .outcomes import RunTests, find_outcomes, list_not_passed
from .progress import ENDED_STAGES
from .run import Run
from .sentences import counted
from .users import User

#: How long a reason may be, in Unicode code points.
MAX_REASON_LENGTH = 255
#: The answer to everybody if no role may retry.
SWITCHED_OFF = 'Retries by users are switched off.'
#: How many inactive tests the message of a refusal names.
MAX_NAMED_TESTS = 10


@dataclass(frozen=True)
class Retry:
    """
    A retry that was created (docs/python-and-command-line.rst, "Python").

    Attributes
    ----------
    run_id : int
        The source run.
    new_run_id : int
        The run that was created from it.
    failed_only : bool
        Whether it runs only the tests that did not pass in the source run.
    test_count : int
        The number of regression tests that it was created with.
    commit : str
        The commit of both runs.
    platform : str
        The platform of both runs: ``linux`` or ``windows``.
    replayed : bool
        Whether an earlier request with the same idempotency key created it, and nothing was created now.
    """

    run_id: int
    new_run_id: int
    failed_only: bool
    test_count: int
    commit: str
    platform: str
    replayed: bool = False


class StoredRetry(NamedTuple):
    """A retry as it is stored."""

    new_run_id: int
    source_run_id: int
    failed_only: bool
    reason: str | None
    test_count: int
    #: The secret that the new run's worker reports with; None if the new run was deleted.
    run_token: str | None


def find_unstorable(text: str) -> str | None:
    """Return why no database stores a text; None if they do."""
    if '\0' in text:
        return 'Must not contain NUL.'
    try:
        text.encode()
    except UnicodeEncodeError:
        return 'Must be valid Unicode.'
    return None


def random_secret() -> str:
    """Return 64 random characters."""
    return secrets.token_hex(32)


def digest_key(owner: int | str | None, idempotency_key: str | None) -> str:
    """Return the stored form of an idempotency key; a random one if there is no key."""
    # The owner is a user's id, None if there is no user, "comment" or "sweep": another owner's key is another key.
    if idempotency_key is None:
        return random_secret()
    return hashlib.sha256(f'{owner} {idempotency_key}'.encode()).hexdigest()


@dataclass(frozen=True)
class RetryRequest:
    """The request for a retry."""

    run_id: int
    failed_only: bool
    reason: str | None
    #: The user who requests it. They become an owner of the new run.
    requester_id: int | None = None
    #: Whether a sweep requests it, and no person.
    automatic: bool = False
    #: The login of the author of a pull request who requests it without a role.
    author_login: str | None = None
    #: Requests with the same one create one run: see :func:`digest_key`.
    idempotency_digest: str = field(kw_only=True)
    #: The secret that the new run's worker will report with. It is unique in the database. If the answer to a commit
    #: is lost, the repeated transaction recognizes its own run by it.
    run_token: str = field(default_factory=random_secret, repr=False)


def request_automatically(run_id: int, failed_only: bool, why: str) -> RetryRequest:
    """Return the request for the automatic retry of a run, which is created at most once, for whatever reason."""
    return RetryRequest(run_id, failed_only, f'Automatic: {why}'[:MAX_REASON_LENGTH], automatic=True,
                        idempotency_digest=digest_key('sweep', str(run_id)))


@dataclass(frozen=True)
class RetryOption:
    """One kind of retry: of all tests, or of the tests that did not pass."""

    #: The tests that it would run, in order. Empty if it would be refused.
    regression_test_ids: list[int]
    #: The tests that it would leave out because they are inactive now, or because of which it is refused.
    inactive_ids: list[int]
    #: The error that it would raise.
    refusal: Refusal | None = None
    #: A sentence about running these tests again, from the attempts so far and from master. None for all tests.
    hint: str | None = None

    @classmethod
    def refused(cls, refusal: Refusal) -> 'RetryOption':
        """Return an option that is refused."""
        return cls([], refusal.details.get('inactive_ids', []), refusal)

    @property
    def test_count(self) -> int:
        """The number of regression tests that the retry would run."""
        return len(self.regression_test_ids)

    def refuse(self, refusal: Refusal) -> 'RetryOption':
        """Return this option refused, unless it is refused already."""
        return self if self.refusal else RetryOption.refused(refusal)


@dataclass(frozen=True)
class RetryRules:
    """The rules that decide who may retry and whether a retry is refused, as the settings have them."""

    #: The roles whose users may retry.
    roles: frozenset[str]
    #: Whether a retry leaves out tests that are inactive now. Otherwise the retry is refused.
    drop_inactive_tests: bool
    #: How many retries of a root run the author of its pull request may request without a role.
    author_retries: int = 0

    def allow(self, user: User) -> bool:
        """
        Return whether the role of a user may retry.

        ``api/auth.py`` checks scopes, ``domain/comments.py`` blocked accounts, ``database/users.py`` deactivated ones.
        """
        return user.role in self.roles

    def allow_author(self, run: Run) -> bool:
        """Return whether the author of the pull request of a run may retry it without a role."""
        return self.author_retries > 0 and run.is_of_pull_request

    def require_author_retries_left(self, run: Run, used: int) -> None:
        """Raise :exc:`RefusedByCheck` if the author of a pull request has used up the retries of a root run."""
        if used >= self.author_retries:
            raise RefusedByCheck(f'The author of this pull request has retried this run {counted(used, "time")} '
                                 'already. Ask a maintainer to retry it.', run_id=run.id)

    def for_automatic_retry(self) -> 'RetryRules':
        """Return the rules for an automatic retry. It leaves out inactive tests, because there is nobody to ask."""
        return replace(self, drop_inactive_tests=True)

    def option_for_all(self, full_set: Sequence[int], active: Collection[int]) -> RetryOption:
        """Return a retry of the full test set of a run. ``active`` has the tests that are active now."""
        return _choose(full_set, active, drops_inactive=self.drop_inactive_tests)

    def option_for_failed(self, run_id: int, stage: str | None, tests: RunTests,
                          active: Collection[int]) -> RetryOption:
        """Return a retry of the tests of a run that did not pass, also of those without a result."""
        if stage not in ENDED_STAGES:
            status = derive_status(stage)
            return RetryOption.refused(RunNotFinished(
                f'Run {run_id} is still {status}: it has no failed tests yet.', run_status=status))
        not_passed = list_not_passed(find_outcomes(tests))
        if not not_passed:
            return RetryOption.refused(NothingFailed(
                f'No test of run {run_id} failed: there is nothing to run again.'))
        # A run without a selection runs inactive tests too, but nobody selected them.
        return _choose(not_passed, active, drops_inactive=self.drop_inactive_tests or not tests.has_selection)


def _choose(tests: Sequence[int], active: Collection[int], drops_inactive: bool) -> RetryOption:
    """Return a retry of those of the tests that are active."""
    inactive_ids = [test for test in tests if test not in active]
    named = _name_tests(inactive_ids)
    if inactive_ids and not drops_inactive:
        return RetryOption.refused(InactiveTests(
            f'Some of the tests to run are inactive now{named}.', inactive_ids=inactive_ids))
    regression_test_ids = [test for test in tests if test in active]
    if not regression_test_ids:
        # A run without rows in customized_test would run every test there is.
        return RetryOption.refused(InactiveTests(
            f'None of the tests to run is active now{named}.', inactive_ids=inactive_ids))
    return RetryOption(regression_test_ids, inactive_ids)


def _name_tests(ids: Sequence[int]) -> str:
    """Return the ids of tests for the end of a sentence, ": 1, 2 and 20 more"; empty if there are none."""
    if not ids:
        return ''
    named = ', '.join(map(str, ids[:MAX_NAMED_TESTS]))
    more = len(ids) - MAX_NAMED_TESTS
    return f': {named} and {more} more' if more > 0 else f': {named}'
