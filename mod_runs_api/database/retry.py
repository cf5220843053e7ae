"""Writing a retry, and finding the one of an earlier request."""

from collections.abc import Collection, Sequence

from sqlalchemy import (Connection, String, bindparam, insert, literal, select,
                        true)

from .. import clock
from ..domain.retry import RetryRequest, StoredRetry
from ..domain.run import Run
from ..errors import RunNotFound
from ..platform.models import CustomizedTest, Test, TestFork
from .tables import run_retry


def write_retry(connection: Connection, request: RetryRequest, source: Run, regression_test_ids: Sequence[int]) -> int:
    """Write the new run, and return its id."""
    # The run gets no progress row. The platform's scheduled job skips every run that has one, so a run with a row
    # "queued as a retry" would never start. The source is in run_retry.
    new_run_id = _copy_run(connection, source, request.run_token)
    reason = None if request.reason is None else request.reason.encode()
    # This comes before the tests, so that the second request with the same key fails before it has written much.
    connection.execute(insert(run_retry).values(
        run_id=new_run_id, source_run_id=source.id, root_run_id=source.root_id, failed_only=request.failed_only,
        automatic=request.automatic, reason=reason, user_id=request.requester_id, author_login=request.author_login,
        created_at=clock.now(), test_count=len(regression_test_ids), idempotency_digest=request.idempotency_digest))
    selected = insert(CustomizedTest).values({CustomizedTest.test_id: new_run_id,
                                              CustomizedTest.regression_id: bindparam('selected')})
    connection.execute(selected, [{'selected': regression_test_id} for regression_test_id in regression_test_ids])
    owner_ids = {*connection.scalars(select(TestFork.user_id).where(TestFork.test_id == source.id)),
                 request.requester_id}
    # The platform's column may be null, and a retry may have no requester.
    owners = sorted(user_id for user_id in owner_ids if user_id is not None)
    if owners:
        connection.execute(
            insert(TestFork).values({TestFork.test_id: new_run_id, TestFork.user_id: bindparam('owner')}),
            [{'owner': user_id} for user_id in owners])
    return new_run_id


def _copy_run(connection: Connection, source: Run, token: str) -> int:
    """Write a run with the configuration of another one, and return its id."""
    # The database copies the configuration itself, because the platform's connection is utf8mb3 and may change text.
    configuration = [Test.platform, Test.test_type, Test.fork_id, Test.branch, Test.commit, Test.pr_nr]
    inserted = connection.execute(insert(Test).from_select(
        [*configuration, Test.token], select(*configuration, literal(token, String)).where(Test.id == source.id)))
    if not inserted.rowcount:
        raise RunNotFound(source.id)  # The source was deleted in between.
    return int(inserted.lastrowid)


def find_retry(connection: Connection, idempotency_digest: str) -> StoredRetry | None:
    """Return the retry with a digest, even if its run was deleted; None if there is none."""
    row = connection.execute(
        select(run_retry.c.run_id, run_retry.c.source_run_id, run_retry.c.failed_only, run_retry.c.reason,
               run_retry.c.test_count, Test.token)
        .outerjoin_from(run_retry, Test, Test.id == run_retry.c.run_id)
        .where(run_retry.c.idempotency_digest == idempotency_digest)).one_or_none()
    if row is None:
        return None
    return StoredRetry(
        new_run_id=row.run_id, source_run_id=row.source_run_id, failed_only=row.failed_only,
        reason=decode_reason(row.reason), test_count=row.test_count, run_token=row.token)


def read_automatic_sources(connection: Connection, root_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the sources of the automatic retries of some root runs, including deleted retries."""
    sources: dict[int, list[int]] = {root_id: [] for root_id in root_ids}
    for root_id, source_id in connection.execute(
            select(run_retry.c.root_run_id, run_retry.c.source_run_id)
            .where(run_retry.c.root_run_id.in_(root_ids), run_retry.c.automatic == true())):
        sources[root_id].append(source_id)
    return sources


def decode_reason(reason: bytes | None) -> str | None:
    """Return a stored reason. Rows of other writers may not be UTF-8."""
    return None if reason is None else reason.decode(errors='replace')
