"""Retrying a run (docs/api.rst, "Retry a run")."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..database import Database
from ..database.attempts import count_author_retries
from ..database.outcomes import read_catalogue, read_full_sets, read_tests
from ..database.retry import find_retry, write_retry
from ..database.runs import find_run
from ..database.transactions import Transactions
from ..domain.author import find_canceled
from ..domain.outcomes import RunTests
from ..domain.retry import Retry, RetryFacts, RetryRequest, digest_key
from ..domain.run import Run
from ..domain.sentences import counted
from ..errors import KeyReused, RefusedByCheck
from ..extension import ExtensionState
from ..host.log import log
from ..settings import Settings
from .attempts import read_progress_of_attempts
from .conditions import require_by_github, require_by_tables, require_ended
from .users import find_user_id
from .validation import load_retry_fields, load_run_id

#: Raises :exc:`Refusal` if the retry of a run is not due.
Guard = Callable[[Database, Run], None]


class PreparedRetry(NamedTuple):
    """A retry that may be created."""

    source: Run
    regression_test_ids: list[int]


def build_request(transactions: Transactions, run_id: int, *, failed_only: bool, reason: str | None,
                  requested_by: Any, idempotency_key: str | None) -> RetryRequest:
    """Return the request for the arguments of :func:`mod_runs_api.retry_run`. Raises :exc:`InvalidFields`."""
    run_id = load_run_id(run_id)
    body = {'failed_only': failed_only} | ({} if reason is None else {'reason': reason})
    failed_only, reason = load_retry_fields(body, idempotency_key)
    requester_id = None if requested_by is None else transactions.run(find_user_id, requested_by)
    return RetryRequest(run_id, failed_only, reason, requester_id,
                        idempotency_digest=digest_key(requester_id, idempotency_key))


def create_retry(state: ExtensionState, request: RetryRequest, guard: Guard | None = None, *,
                 has_asked_github: bool = False) -> Retry:
    """
    Return the retry that a request creates, or has created before. Raises :exc:`RunNotFound` or :exc:`Refusal`.

    The guard is called in each transaction, unless an earlier request has created the retry.
    """
    settings = state.settings
    try:
        if _must_meet_conditions(settings, request) and not has_asked_github:
            # GitHub is asked before the transaction that writes, and after all that the tables can refuse.
            prepared = state.transactions.run(_prepare, request, settings, guard)
            if isinstance(prepared, Retry):
                return prepared
            require_by_github(state, prepared.source)
        retry = state.transactions.run(_create, request, settings, guard)
    except RefusedByCheck:
        # The reason may be the run that an earlier request with the same key has just created.
        earlier = state.transactions.run(find_earlier_retry, request)
        if earlier is None:
            raise
        return earlier
    if not retry.replayed:
        user = 'no user' if request.requester_id is None else f'user {request.requester_id}'
        user += '' if request.author_login is None else f', the author {request.author_login} on GitHub'
        log.info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {counted(retry.test_count, "test")}'
                 f'{" that did not pass" if retry.failed_only else ""}, '
                 f'{"automatically" if request.automatic else f"for {user}"}')
    return retry


def _must_meet_conditions(settings: Settings, request: RetryRequest) -> bool:
    """Return whether a retry is created only if the conditions are met."""
    return settings.checks or request.automatic or request.by_comment


def _create(db: Database, request: RetryRequest, settings: Settings, guard: Guard | None) -> Retry:
    prepared = _prepare(db, request, settings, guard)
    if isinstance(prepared, Retry):
        return prepared
    new_run_id = write_retry(db, request, prepared.source, prepared.regression_test_ids)
    return Retry(request.run_id, new_run_id, request.failed_only, len(prepared.regression_test_ids))


def _prepare(db: Database, request: RetryRequest, settings: Settings, guard: Guard | None) -> Retry | PreparedRetry:
    """Return the retry that an earlier request has created, or one that may be created. Raises :exc:`Refusal`."""
    earlier = find_earlier_retry(db, request)
    if earlier is not None:
        return earlier
    source = find_run(db, request.run_id)
    if guard is not None:
        guard(db, source)
    if request.by_comment:
        # This comes first: a running attempt may replace the one of which nothing failed.
        _require_retriable_by_comment(db, request, settings, source)
    rules = settings.retry_rules.for_automatic_retry() if request.automatic else settings.retry_rules
    # A full retry needs no outcomes. Reading them would take 10 % longer. It runs active tests if its run has no rows,
    # so it does not matter that ``has_selection`` is true.
    catalogue = read_catalogue(db)
    if request.failed_only:
        facts = RetryFacts.of_run(source, read_tests(db, [source.id], catalogue)[source.id], (), catalogue.active)
    else:
        full_set = read_full_sets(db, [source.full_set_id], catalogue)[source.full_set_id]
        facts = RetryFacts.of_run(source, RunTests({}, set(), set()), full_set, catalogue.active)
    regression_test_ids = rules.choose_tests(facts, request.failed_only).regression_test_ids
    if request.author_login is not None:
        rules.require_author_retries_left(source, count_author_retries(db, source.root_id))
    # A comment takes the newest commit.
    if _must_meet_conditions(settings, request) and not request.by_comment:
        require_by_tables(db, source, read_progress_of_attempts(db, source.root_id), settings.max_silence)
    return PreparedRetry(source, regression_test_ids)


def _require_retriable_by_comment(db: Database, request: RetryRequest, settings: Settings, source: Run) -> None:
    """Raise :exc:`RefusedByCheck` unless every attempt has ended and, for an author, no person canceled one."""
    attempts = read_progress_of_attempts(db, source.root_id)
    require_ended(db, source, attempts, settings.max_silence)
    canceled_id = None if request.author_login is None else find_canceled(attempts, source.id)
    if canceled_id is not None:
        raise RefusedByCheck(f'A person canceled run {canceled_id}. Ask a maintainer to retry it.', run_id=source.id)


def find_earlier_retry(db: Database, request: RetryRequest) -> Retry | None:
    """Return the retry that an earlier request with the same digest has created. Raises :exc:`KeyReused`."""
    # It is replayed, unless this request created it in a transaction whose commit got no answer.
    stored = find_retry(db, request.idempotency_digest)
    if stored is None:
        return None
    if stored.run_token is None:
        raise KeyReused('The retry that this request created before was deleted.')
    if (stored.source_run_id, stored.failed_only, stored.reason) != (
            request.run_id, request.failed_only, request.reason):
        raise KeyReused('This idempotency key belongs to another request.')
    return Retry(request.run_id, stored.new_run_id, request.failed_only, stored.test_count,
                 replayed=stored.run_token != request.run_token)
