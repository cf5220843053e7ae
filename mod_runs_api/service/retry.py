"""Retrying a run (docs/api.rst, "Retry a run")."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..database import Database
from ..database.outcomes import read_selected, read_tests
from ..database.retry import find_retry, write_retry
from ..database.runs import find_run, read_active
from ..database.transactions import Transactions
from ..domain.outcomes import RunTests, find_outcomes
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
    checks = state.settings.before_retry if checks is None else checks
    rules = state.settings.retry_rules

    def find_retriable_run(db: Database) -> Run | Retry:
        earlier = find_earlier_retry(db, request)
        if earlier is not None:
            return earlier
        run = find_run(db, request.run_id)
        if guard is not None:
            guard(db, run)
        _choose_tests(db, rules, run, request.failed_only)
        return run

    # Checks may query GitHub. This comes before the transaction that writes, and after all that the tables can refuse.
    if checks:
        run_or_retry = state.transactions.run(find_retriable_run)
        if isinstance(run_or_retry, Retry):
            return run_or_retry
        try:
            call_checks(checks, run_or_retry)
        except RefusedByCheck:
            # The check may have refused because of the run that an earlier request with the same key has just created.
            earlier = state.transactions.run(find_earlier_retry, request)
            if earlier is None:
                raise
            return earlier
    return store_retry(state, request, guard)


def store_retry(state: ExtensionState, request: RetryRequest, guard: Guard | None = None) -> Retry:
    """Create a retry as :func:`create_retry` does, without any check. The transaction calls the guard first."""
    rules = state.settings.retry_rules
    if request.automatic:
        rules = rules.for_automatic_retry()
    retry = state.transactions.run(_create, request, rules, guard)
    if not retry.replayed:
        user = 'no user' if request.requester_id is None else f'user {request.requester_id}'
        user += '' if request.author_login is None else f', the author {request.author_login} on GitHub'
        log.info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {counted(retry.test_count, "test")}'
                 f'{" that did not pass" if retry.failed_only else ""}, '
                 f'{"automatically" if request.automatic else f"for {user}"}')
    return retry


def _create(db: Database, request: RetryRequest, rules: RetryRules, guard: Guard | None) -> Retry:
    earlier = find_earlier_retry(db, request)
    if earlier is not None:
        return earlier
    source = find_run(db, request.run_id)
    if guard is not None:
        guard(db, source)
    regression_test_ids = _choose_tests(db, rules, source, request.failed_only)
    new_run_id = write_retry(db, request, source, regression_test_ids)
    return Retry(source.id, new_run_id, request.failed_only, len(regression_test_ids))


def _choose_tests(db: Database, rules: RetryRules, run: Run, failed_only: bool) -> list[int]:
    # Each kind of retry reads only the facts that it needs: reading all takes 10 % longer. For a full retry,
    # ``has_selection`` is always true. Of a run without rows it decides nothing, because its full set is active.
    facts = read_retry_facts(db, [run], with_outcomes=failed_only, with_full_sets=not failed_only)[run.id]
    return rules.choose_tests(facts, failed_only).regression_test_ids


def read_retry_facts(db: Database, runs: Collection[Run], *, with_outcomes: bool = True,
                     with_full_sets: bool = True) -> dict[int, RetryFacts]:
    """Return the facts of runs that decide about their retries: for a retry, its preview and the sweep."""
    tests = read_tests(db, [run.id for run in runs] if with_outcomes else [])
    full_sets = read_selected(db, list({run.full_set_id for run in runs})) if with_full_sets else {}
    active_ids = read_active(db)
    facts = {}
    for run in runs:
        of_run = tests.get(run.id, RunTests({}, {}))
        facts[run.id] = RetryFacts(run.id, run.stage, find_outcomes(of_run), of_run.has_selection,
                                   full_sets.get(run.full_set_id, ()), active_ids)
    return facts


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
