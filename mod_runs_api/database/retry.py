"""Writing a retry, and finding the one of an earlier request."""

from collections.abc import Sequence

from sqlalchemy import String, bindparam, insert, literal, select

from .. import clock
from ..domain.retry import RetryRequest, StoredRetry
from ..domain.run import Run
from ..errors import RunNotFound
from . import Database


def write_retry(db: Database, request: RetryRequest, source: Run, regression_test_ids: Sequence[int]) -> int:
    """Write the new run, and return its id."""
    # The run gets no progress row. The platform's scheduled job skips every run that has one, so a run with a row
    # "queued as a retry" would never start. The source is in run_retry.
    run, customized, owner = db.host.Test, db.host.CustomizedTest, db.host.TestFork
    # The database copies the configuration itself, because the platform's connection is utf8mb3 and may change text.
    configuration = [run.platform, run.test_type, run.fork_id, run.branch, run.commit, run.pr_nr]
    copied = select(*configuration, literal(request.run_token, String)).where(run.id == source.id)
    inserted = db.connection.execute(insert(run).from_select([*configuration, run.token], copied))
    if not inserted.rowcount:
        raise RunNotFound(source.id)  # The source was deleted in between.
    new_run_id = int(inserted.lastrowid)
    reason = None if request.reason is None else request.reason.encode()
    # This comes before the tests, so that the second request with the same key fails before it has written much.
    db.connection.execute(insert(db.run_retry).values(
        run_id=new_run_id, source_run_id=source.id, root_run_id=source.root_id, failed_only=request.failed_only,
        automatic=request.automatic, reason=reason, user_id=request.requester_id, author_login=request.author_login,
        created_at=clock.now(), test_count=len(regression_test_ids), idempotency_digest=request.idempotency_digest))
    selected = insert(customized).values({customized.test_id: new_run_id,
                                          customized.regression_id: bindparam('selected')})
    db.connection.execute(selected, [{'selected': regression_test_id} for regression_test_id in regression_test_ids])
    # The platform's column may be null.
    owners = set(db.connection.scalars(select(owner.user_id)
                                       .where(owner.test_id == source.id, owner.user_id.is_not(None))))
    if request.requester_id is not None:
        owners.add(request.requester_id)
    if owners:
        db.connection.execute(insert(owner).values({owner.test_id: new_run_id, owner.user_id: bindparam('owner')}),
                              [{'owner': user_id} for user_id in sorted(owners)])
    return new_run_id


def find_retry(db: Database, idempotency_digest: str) -> StoredRetry | None:
    """Return the retry with a digest, even if its run was deleted; None if there is none."""
    retry, run = db.run_retry.c, db.host.Test
    rows = db.connection.execute(
        select(retry.run_id, retry.source_run_id, retry.failed_only, retry.reason, retry.test_count, run.token)
        .outerjoin_from(db.run_retry, run, run.id == retry.run_id)
        .where(retry.idempotency_digest == idempotency_digest))
    return next((StoredRetry(run_id, source_run_id, failed_only, decode_reason(reason), test_count, token)
                 for run_id, source_run_id, failed_only, reason, test_count, token in rows), None)


def decode_reason(reason: bytes | None) -> str | None:
    """Return a stored reason. Rows of other writers may not be UTF-8."""
    return None if reason is None else reason.decode(errors='replace')
