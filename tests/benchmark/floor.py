"""
The floor: the least SQL that does what the package does, through the bare driver.

Each piece of work is one transaction on a connection that is open already, and begins with the look-up of the token.
The statements are the fastest that we have found, and they may be what the package must not be: they know that the
source has tests of its own in `customized_test`, and one that reads a whole table where that is faster than a join
is chosen by the size of the run.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from secrets import token_hex
from typing import Any

from .stores import MARIADB, Store

TOKEN = """
    SELECT a.token_hash, a.scopes_json, a.expires_at, a.revoked_at, u.id, u.name, u.role
    FROM api_token a JOIN user u ON u.id = a.user_id WHERE a.token_prefix = %s"""

#: Where the run came from, how far it is, whose it is, and what it runs: ids as one text, which is far faster to
#: read than rows.
SOURCE = """
    SELECT o.root_test_id,
        (SELECT p.status FROM test_progress p WHERE p.test_id = t.id ORDER BY p.id DESC LIMIT 1),
        (SELECT GROUP_CONCAT(f.user_id) FROM test_fork f WHERE f.test_id = t.id),
        (SELECT GROUP_CONCAT(c.regression_id) FROM customized_test c WHERE c.test_id = %(run)s),
        {inactive}
        {more}
    FROM test t LEFT JOIN run_retry o ON o.test_id = t.id WHERE t.id = %(run)s"""

#: The tests that are inactive: of the run, or all of them if a join has no index to use.
INACTIVE_HERE = """
    (SELECT GROUP_CONCAT(r.id) FROM customized_test c JOIN regression_test r ON r.id = c.regression_id
     WHERE c.test_id = %(run)s AND NOT r.active)"""
INACTIVE = '(SELECT GROUP_CONCAT(r.id) FROM regression_test r WHERE NOT r.active)'

#: The tests that ended as they should, and those with an output that is neither the expected one nor accepted.
PASSED = """
    , (SELECT GROUP_CONCAT(r.regression_test_id) FROM test_result r
       WHERE r.test_id = %(run)s AND r.exit_code = r.expected_rc)
    , (SELECT GROUP_CONCAT(f.regression_test_id) FROM test_result_file f
       WHERE f.test_id = %(run)s AND f.got IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM regression_test_output_files v
           WHERE v.regression_test_output_id = f.regression_test_output_id
           AND {binary} v.file_hashes = {binary} f.got))"""

#: The tests that lack an output: joined in the database.
LACKING = """
    , (SELECT GROUP_CONCAT(o.regression_id) FROM customized_test c
       JOIN regression_test_output o ON o.regression_id = c.regression_id AND o.`ignore` = 0
       LEFT JOIN test_result_file f ON f.test_id = %(run)s AND f.regression_test_id = c.regression_id
           AND f.regression_test_output_id = o.id
       WHERE c.test_id = %(run)s AND f.test_id IS NULL)"""

#: All outputs that there should be, whose they are, and those that are there: joined outside.
OUTPUTS = """
    , (SELECT GROUP_CONCAT(o.id) FROM regression_test_output o WHERE o.`ignore` = 0)
    , (SELECT GROUP_CONCAT(o.regression_id) FROM regression_test_output o WHERE o.`ignore` = 0)
    , (SELECT GROUP_CONCAT(f.regression_test_output_id) FROM test_result_file f WHERE f.test_id = %(run)s)"""

RUN = """
    INSERT INTO test (platform, test_type, fork_id, branch, `commit`, pr_nr, token)
    SELECT platform, test_type, fork_id, branch, `commit`, pr_nr, %s FROM test WHERE id = %s"""

RETRY = """
    INSERT INTO run_retry (test_id, source_test_id, root_test_id, failed_only, user_id, created_at, test_count)
    VALUES (%s, %s, %s, %s, %s, %s, %s)"""

EARLIER = 'SELECT test_id, source_test_id, failed_only, reason, test_count FROM run_retry WHERE idempotency_digest = %s'

#: What a verdict is made from: results of each run as one text, and the outputs that differ or lack.
OUTCOMES = """
    SELECT r.test_id, GROUP_CONCAT(CASE WHEN r.exit_code = r.expected_rc THEN r.regression_test_id
                                   ELSE -r.regression_test_id END)
    FROM test_result r WHERE r.test_id IN ({ids}) GROUP BY r.test_id"""
DIFFERING = """
    SELECT f.test_id, GROUP_CONCAT(f.regression_test_id) FROM test_result_file f
    WHERE f.test_id IN ({ids}) AND f.got IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM regression_test_output_files v
        WHERE v.regression_test_output_id = f.regression_test_output_id
        AND {binary} v.file_hashes = {binary} f.got) GROUP BY f.test_id"""
MISSING = """
    SELECT r.test_id, GROUP_CONCAT(r.regression_test_id) FROM test_result r
    JOIN regression_test_output o ON o.regression_id = r.regression_test_id AND o.`ignore` = 0
    LEFT JOIN test_result_file f ON f.test_id = r.test_id AND f.regression_test_id = r.regression_test_id
        AND f.regression_test_output_id = o.id
    WHERE r.test_id IN ({ids}) AND f.test_id IS NULL GROUP BY r.test_id"""

#: How a retry ends whole, if it has no result of its own and its source is its only other attempt. What it was told
#: to run comes last, for the others look at it.
CARRY_OVER = (
    'INSERT INTO run_carried_over (test_id, regression_test_id, source_test_id, progress_id, progress_timestamp) '
    "SELECT {run}, regression_test_id, {source}, {progress}, '2026-01-01 00:00:00' FROM test_result "
    'WHERE test_id = {source} AND regression_test_id NOT IN '
    '(SELECT regression_id FROM customized_test WHERE test_id = {run})',
    'INSERT INTO test_result (test_id, regression_test_id, runtime, exit_code, expected_rc) '
    'SELECT {run}, r.regression_test_id, runtime, exit_code, expected_rc FROM run_carried_over c '
    'JOIN test_result r ON r.test_id = {source} AND r.regression_test_id = c.regression_test_id '
    'WHERE c.test_id = {run}',
    'INSERT INTO test_result_file (test_id, regression_test_id, regression_test_output_id, expected, got) '
    'SELECT {run}, f.regression_test_id, f.regression_test_output_id, f.expected, f.got FROM run_carried_over c '
    'JOIN test_result_file f ON f.test_id = {source} AND f.regression_test_id = c.regression_test_id '
    'WHERE c.test_id = {run}',
    'INSERT INTO customized_test (test_id, regression_id) '
    'SELECT test_id, regression_test_id FROM run_carried_over WHERE test_id = {run}')

#: If a run has a smaller part than one in so many of all tests, MariaDB is faster at joining its outputs than at
#: reading all there are.
JOINED = 3


class Floor:
    """
    Does the work of the package on one open connection.

    Parameters
    ----------
    store : Store
        The database.
    token : str
        The token of the person who asks.
    tests : int
        How many regression tests there are.

    Attributes
    ----------
    sent : int
        How many statements it has sent, beside COMMIT and ROLLBACK.
    """

    def __init__(self, store: Store, token: str, tests: int) -> None:
        self.sent = 0
        self._token = token
        self._tests = tests
        self._mariadb = store.kind == MARIADB
        self._connection = store.connect()
        self._cursor = self._connection.cursor()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, token: str | None = None) -> int:
        """Look a token up, by default the one that is good; give whose it is, or 0 for nobody."""
        user_id = self._ask(token)
        self._connection.rollback()
        return user_id

    def miss(self, run_id: int) -> bool:
        """Look for a run, and say whether there is none."""
        self._ask()
        found = self._send('SELECT id FROM test WHERE id = %s', (run_id,))
        self._connection.rollback()
        return not found

    def replay(self, digest: str) -> int:
        """Find what was made with an idempotency key, by the digest of the key."""
        self._ask()
        found = self._send(EARLIER, (digest,))
        self._connection.rollback()
        return int(found[0][0])

    def verdict(self, run_ids: list[int]) -> int:
        """Read which tests passed in which runs, and return how many results were looked at."""
        self._ask()
        ids = ','.join(map(str, run_ids))
        found = self._send(OUTCOMES.format(ids=ids))
        for sql in (DIFFERING, MISSING):
            self._send(sql.format(ids=ids, binary='BINARY' if self._mariadb else ''))
        self._connection.rollback()
        return sum(len(_list(row[1])) for row in found)

    def carry_over(self, retry: tuple[int, int, int]) -> int:
        """Carry the results of a source over into a retry of it that has ended, and return the retry."""
        run_id, source_id, progress_id = retry
        for sql in CARRY_OVER:
            self._send(sql.format(run=run_id, source=source_id, progress=progress_id))
        self._connection.commit()
        return run_id

    def full(self, run_id: int, tests: int) -> int:
        """Retry a run of so many tests; give the new run."""
        return self._write(self._ask(), run_id, False, self._source(run_id), set)

    def failed(self, run_id: int, tests: int) -> int:
        """Retry what had not passed in a run of so many tests; give the new run."""
        return self._write(self._ask(), run_id, True, *self._failed(run_id, tests))

    def none_failed(self, run_id: int, tests: int) -> bool:
        """Look for what had not passed in a run of so many tests, and say whether nothing is to be run again."""
        self._ask()
        source, choose = self._failed(run_id, tests)
        self._connection.rollback()
        return not choose(_ids(source[3]))

    def _send(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        self.sent += 1
        self._cursor.execute(sql if self._mariadb else sql.replace('%s', '?'), values)
        return list(self._cursor.fetchall()) if self._cursor.description else []

    def _ask(self, token: str | None = None) -> int:
        token = token or self._token
        digest = hashlib.sha256(token.encode()).hexdigest()
        return next((row[4] for row in self._send(TOKEN, (token[:16],)) if hmac.compare_digest(row[0], digest)), 0)

    def _source(self, run_id: int, more: str = '') -> Any:
        # An integer of our own, written into the text.
        sql = SOURCE.format(inactive=INACTIVE_HERE if self._mariadb else INACTIVE, more=more)
        return self._send(sql.replace('%(run)s', str(run_id)))[0]

    def _failed(self, run_id: int, tests: int) -> tuple[Any, Callable[[set[int]], set[int]]]:
        """Read the source, and give it with what chooses the tests that had not passed from all its tests."""
        joined = self._mariadb and JOINED * tests < self._tests
        more = PASSED.format(binary='BINARY' if self._mariadb else '') + (LACKING if joined else OUTPUTS)
        source = self._source(run_id, more)
        passed = _ids(source[5]) - _ids(source[6])
        if joined:
            lacking = _ids(source[7])
        else:
            present = set(_list(source[9]))
            lacking = {test for output, test in zip(_list(source[7]), _list(source[8])) if output not in present}
        return source, lambda chosen: chosen - (passed - lacking)

    def _write(self, user_id: int, run_id: int, failed_only: bool, source: Any,
               choose: Callable[[set[int]], set[int]]) -> int:
        root_id, _, owners, chosen, inactive = source[:5]
        ids = choose(_ids(chosen))
        if ids & _ids(inactive) or not ids:
            raise ValueError(f'Run {run_id} must not be retried.')
        self._send(RUN, (token_hex(32), run_id))
        new_run_id = int(self._cursor.lastrowid)
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        self._send(RETRY, (new_run_id, run_id, root_id or run_id, failed_only, user_id,
                           now.isoformat(' '), len(ids)))
        # Integers written into the text: on both databases faster than INSERT … SELECT, and than a parameter each.
        self._pairs('customized_test (test_id, regression_id)', new_run_id, sorted(ids))
        self._pairs('test_fork (test_id, user_id)', new_run_id, sorted(_ids(owners) | {user_id}))
        self._connection.commit()
        return new_run_id

    def _pairs(self, columns: str, run_id: int, others: Iterable[int]) -> None:
        self._send(f'INSERT INTO {columns} VALUES ' + ','.join([f'({run_id},{other})' for other in others]))


def _list(packed: str | int | None) -> list[int]:
    return [] if packed is None else [int(part) for part in str(packed).split(',')]


def _ids(packed: str | int | None) -> set[int]:
    return set(_list(packed))
