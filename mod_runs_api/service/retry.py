"""Retrying a run (docs/api.rst, "Retry a run")."""

from sqlalchemy import Connection

from ..database.catalogue import read_catalogue
from ..database.outcomes import read_full_sets, read_tests
from ..database.retry import find_retry, write_retry
from ..database.run import find_run, read_runs
from ..database.transactions import Transactions
from ..domain.commit_status import CommitStatus
from ..domain.retry import (Retry, RetryOption, RetryRequest, RetryRules,
                            digest_key)
from ..domain.run import Run
from ..domain.sentences import counted
from ..errors import KeyReused, Refusal
from ..extension import ExtensionState
from ..log import log
from ..platform.models import User
from .attempts import read_progress_of_attempts
from .commit_status import post_if_possible
from .conditions import Policy, require_by_github
from .users import find_user_id
from .validation import load_retry_fields, load_run_id


def build_request(transactions: Transactions, run_id: int, *, failed_only: bool, reason: str | None,
                  requested_by: int | str | User | None, idempotency_key: str | None) -> RetryRequest:
    """Return the request for the arguments of :func:`mod_runs_api.retry_run`. Raises :exc:`InvalidFields`."""
    run_id = load_run_id(run_id)
    body = {'failed_only': failed_only} | ({} if reason is None else {'reason': reason})
    failed_only, reason = load_retry_fields(body, idempotency_key)
    requester_id = None if requested_by is None else transactions.run(find_user_id, requested_by)
    return RetryRequest(run_id, failed_only, reason, requester_id,
                        idempotency_digest=digest_key(requester_id, idempotency_key))


def create_retry(state: ExtensionState, request: RetryRequest, policy: Policy) -> Retry:
    """
    Return the retry that a request creates, or has created before. Raises :exc:`RunNotFound` or :exc:`Refusal`.

    The policy holds in each transaction, unless an earlier request has created the retry.
    """
    try:
        if policy.asks_github:
            # Before the transaction that writes, and after all that the tables can refuse.
            source = state.transactions.run(_find_source, request, policy)
            if source is not None:
                require_by_github(state, source)
        retry = state.transactions.run(_find_or_create, request, policy)
    except Refusal:
        # An earlier request with the same key may have created its run just now, which is no reason to refuse this one.
        earlier = state.transactions.run(find_earlier_retry, request)
        if earlier is None:
            raise
        return earlier
    if not retry.replayed:
        _log_retry(request, retry)
        if state.settings.pending_status:
            post_if_possible(state.github, CommitStatus.queued(retry.commit, retry.platform, retry.new_run_id))
    return retry


def _find_source(connection: Connection, request: RetryRequest, policy: Policy) -> Run | None:
    """Return the source of a retry that may be created; None if an earlier request has created the retry."""
    if find_earlier_retry(connection, request) is not None:
        return None
    source, _ = _plan_retry(connection, request, policy)
    return source


def _find_or_create(connection: Connection, request: RetryRequest, policy: Policy) -> Retry:
    earlier = find_earlier_retry(connection, request)
    if earlier is not None:
        return earlier
    source, regression_test_ids = _plan_retry(connection, request, policy)
    new_run_id = write_retry(connection, request, source, regression_test_ids)
    return Retry(source.id, new_run_id, request.failed_only, len(regression_test_ids), source.commit, source.platform)


def _plan_retry(connection: Connection, request: RetryRequest, policy: Policy) -> tuple[Run, list[int]]:
    """Return the source and the tests of a retry. Raises :exc:`RunNotFound`, or :exc:`Refusal` if it is refused now."""
    source = find_run(connection, request.run_id)
    conditions = [*policy.before, *policy.after]
    progress = read_progress_of_attempts(connection, source.root_id) if conditions else {}
    for require in policy.before:
        require(connection, source, progress)
    option = _read_option(connection, policy.rules, source, request.failed_only)
    if option.refusal is not None:
        raise option.refusal
    for require in policy.after:
        require(connection, source, progress)
    return source, option.regression_test_ids


def _read_option(connection: Connection, rules: RetryRules, source: Run, failed_only: bool) -> RetryOption:
    """Return the retry of a run by the rules: of all tests, or of those that did not pass."""
    catalogue = read_catalogue(connection)
    if failed_only:
        tests = read_tests(connection, [source.id], catalogue)[source.id]
        return rules.option_for_failed(source.id, source.stage, tests, catalogue.active)
    # A full retry needs no results.
    full_set = read_full_sets(connection, [source.full_set_id], catalogue)[source.full_set_id]
    return rules.option_for_all(full_set, catalogue.active)


def find_earlier_retry(connection: Connection, request: RetryRequest) -> Retry | None:
    """Return the retry that an earlier request with the same digest has created. Raises :exc:`KeyReused`."""
    # It is replayed, unless this request created it in a transaction whose commit got no answer.
    stored = find_retry(connection, request.idempotency_digest)
    if stored is None:
        return None
    new_run = read_runs(connection, [stored.new_run_id]).get(stored.new_run_id)
    if new_run is None:
        raise KeyReused('The retry that this request created before was deleted.')
    if (stored.source_run_id, stored.failed_only, stored.reason) != (
            request.run_id, request.failed_only, request.reason):
        raise KeyReused('This idempotency key belongs to another request.')
    return Retry(request.run_id, new_run.id, request.failed_only, stored.test_count, new_run.commit, new_run.platform,
                 replayed=stored.run_token != request.run_token)


def _log_retry(request: RetryRequest, retry: Retry) -> None:
    if request.automatic:
        requester = 'automatically'
    elif request.author_login is not None:
        requester = f'for {_name_user(request)}, the author {request.author_login} on GitHub'
    else:
        requester = f'for {_name_user(request)}'
    tests = counted(retry.test_count, 'test') + (' that did not pass' if retry.failed_only else '')
    log.info(f'run {retry.run_id} is retried as run {retry.new_run_id} with {tests}, {requester}')


def _name_user(request: RetryRequest) -> str:
    return 'no user' if request.requester_id is None else f'user {request.requester_id}'
