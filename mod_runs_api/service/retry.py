"""Retrying a run (docs/api.rst, "Retry a run")."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..database import Database
from ..database.attempts import count_author_retries
from ..database.outcomes import read_selected, read_tests
from ..database.retry import find_retry, write_retry
from ..database.runs import find_run, read_active
from ..database.transactions import Transactions
from ..domain.outcomes import RunTests
from ..domain.retry import Retry, RetryFacts, RetryRequest, RetryRules, digest_key
from ..domain.run import Run
from ..domain.sentences import counted
from ..errors import KeyReused, RefusedByCheck
from ..extension import ExtensionState
from ..host.log import log
from ..settings import Check
from .checks import call_checks
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


def create_retry(state: ExtensionState, request: RetryRequest, checks: Sequence[Check] | None = None,
                 guard: Guard | None = None) -> Retry:
    """
    Return the retry that a request creates, or has created before. Raises :exc:`RunNotFound` or :exc:`Refusal`.

    Without ``checks``, the checks of the settings are called. The guard is called before them and by the transaction
    that creates the retry, unless an earlier request has created it.
    """
    rules = state.settings.retry_rules
    checks = state.settings.before_retry if checks is None else checks
    # Checks may query GitHub. This comes before the transaction that writes, and after all that the tables can refuse.
    if checks:
        prepared = state.transactions.run(_prepare, request, rules, guard)
        if isinstance(prepared, Retry):
            return prepared
        try:
            call_checks(checks, prepared.source)
        except RefusedByCheck:
            # The check may have refused because of the run that an earlier request with the same key has just created.
            earlier = state.transactions.run(find_earlier_retry, request)
            if earlier is None:
                raise
            return earlier
    retry = state.transactions.run(_create, request, rules, guard)
    if not retry.replayed:
        user = 'no user' if request.requester_id is None else f'user {request.requester_id}'
        user += '' if request.author_login is None else f', the author {request.author_login} on GitHub'
        log.info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {counted(retry.test_count, "test")}'
                 f'{" that did not pass" if retry.failed_only else ""}, '
                 f'{"automatically" if request.automatic else f"for {user}"}')
    return retry


def _create(db: Database, request: RetryRequest, rules: RetryRules, guard: Guard | None) -> Retry:
    prepared = _prepare(db, request, rules, guard)
    if isinstance(prepared, Retry):
        return prepared
    new_run_id = write_retry(db, request, prepared.source, prepared.regression_test_ids)
    return Retry(request.run_id, new_run_id, request.failed_only, len(prepared.regression_test_ids))


def _prepare(db: Database, request: RetryRequest, rules: RetryRules, guard: Guard | None) -> Retry | PreparedRetry:
    """Return the retry that an earlier request has created, or one that may be created. Raises :exc:`Refusal`."""
    earlier = find_earlier_retry(db, request)
    if earlier is not None:
        return earlier
    source = find_run(db, request.run_id)
    if guard is not None:
        guard(db, source)
    if request.automatic:
        rules = rules.for_automatic_retry()
    # A full retry reads no outcomes, which takes 10 % of its time. It runs active tests if its run has no rows, so it
    # does not matter that ``has_selection`` is true.
    tests = read_tests(db, [source.id])[source.id] if request.failed_only else RunTests({}, {})
    full_set = () if request.failed_only else read_selected(db, [source.full_set_id])[source.full_set_id]
    facts = RetryFacts.of_run(source, tests, full_set, read_active(db))
    regression_test_ids = rules.choose_tests(facts, request.failed_only).regression_test_ids
    if request.author_login is not None:
        rules.require_author_retries_left(source, count_author_retries(db, source.root_id))
    return PreparedRetry(source, regression_test_ids)


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
