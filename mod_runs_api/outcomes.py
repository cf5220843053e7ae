"""How every test came out in every attempt of a run, as SQL (contract section 1, ``GET /runs/{run_id}/verdict``)."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (BindParameter, Connection, Select, and_, bindparam,
                        func, literal, select, union_all)

from .attempts import all_attempts, find_root, last_status
from .host.models import ENDED_STATUSES
from .selection import (can_run, differing_outputs, missing_outputs,
                        with_expected_exit_code)
from .tables import Tables, is_carried_over

#: The outcomes of a test that the attempt itself ran. Only these are evidence.
RAN = frozenset({'pass', 'fail', 'missing_output'})


class Outcome(NamedTuple):
    """
    How a test came out in one attempt.

    The attributes after ``outcome`` are filled only for a test that ran more than once and failed at least once: no
    other verdict depends on them.

    Attributes
    ----------
    run_id : int
        The attempt's run.
    attempt : int
        Its place among the attempts, from 1.
    outcome : str
        'pass', 'fail', 'missing_output', 'not_run' (it was told to run, and has no result) or 'carried_over' (the
        result of another attempt).
    exit_code : int or None
        What the test ended with.
    expected_rc : int or None
        What it was expected to end with at the time.
    produced : frozenset of (int, str)
        The id of each output that has a file, with the hash of what came out.
    expected : frozenset of (int, str)
        The same with the hash of what was expected at the time.
    """

    run_id: int
    attempt: int
    outcome: str
    exit_code: int | None = None
    expected_rc: int | None = None
    produced: frozenset[tuple[int, str]] = frozenset()
    expected: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True)
class AttemptOutcomes:
    """The attempts of a run, and how every test came out in those that have ended."""

    root_run_id: int
    #: All attempts, by run id.
    run_ids: list[int]
    all_ended: bool
    #: By regression test id, then by run id. Every test that any attempt was told to run or has a result of is there.
    outcomes: dict[int, list[Outcome]]
    #: The tests that are active now.
    active_ids: set[int]


def read_outcomes(connection: Connection, tables: Tables, run_id: int) -> AttemptOutcomes:
    """Return how every test came out in every attempt. Raises :exc:`RunNotFound`."""
    root_id = find_root(connection, tables, run_id)
    has_ended = _read_attempts(connection, tables, root_id)
    run_ids = list(has_ended)
    active_ids, can_run_ids = _read_tests(connection, tables)
    sets = _read_sets(connection, tables, run_ids)

    outcomes: dict[int, list[Outcome]] = {}
    for attempt, attempt_id in enumerate(run_ids, 1):
        told = sets[attempt_id, TOLD] or active_ids
        in_run = dict.fromkeys(told & can_run_ids, 'not_run')
        for name, outcome in OUTCOMES.items():
            # Without a result, neither a file nor a mark says anything.
            in_run.update(dict.fromkeys(sets[attempt_id, name] & sets[attempt_id, RESULTS], outcome))
        for test_id, outcome in in_run.items():
            of_test = outcomes.setdefault(test_id, [])
            if has_ended[attempt_id]:
                of_test.append(Outcome(attempt_id, attempt, outcome))
    _add_evidence(connection, tables, run_ids, outcomes)
    return AttemptOutcomes(root_id, run_ids, all(has_ended.values()), dict(sorted(outcomes.items())), active_ids)


def _read_attempts(connection: Connection, tables: Tables, root_id: int) -> dict[int, bool]:
    """Return the runs of all attempts that exist, in order, each with whether it has ended."""
    attempts = all_attempts(tables, root_id).subquery()
    rows = connection.execute(select(attempts.c.id, last_status(tables, attempts.c.id)).order_by(attempts.c.id))
    return {run_id: status in ENDED_STATUSES for run_id, status in rows}


def _read_tests(connection: Connection, tables: Tables) -> tuple[set[int], set[int]]:
    """Return the regression tests that are active, and those that are ever given to a worker."""
    test = tables.host.regression_test
    tests = connection.execute(select(test.id, test.active, can_run(tables.host).label('can_run'))).all()
    return {row.id for row in tests if row.active}, {row.id for row in tests if row.can_run}


#: Sets of tests in a run.
TOLD, RESULTS, EXPECTED_EXIT_CODE = 'told', 'results', 'expected exit code'
DIFFERING, MISSING, CARRIED_OVER = 'differing output', 'missing output', 'carried over'
#: What each set says of its tests. A later set overrules those before it: a result is a failure unless it has the
#: expected exit code, and a missing output takes precedence over a wrong exit code, as in the platform's API.
OUTCOMES = {RESULTS: 'fail', EXPECTED_EXIT_CODE: 'pass', DIFFERING: 'fail', MISSING: 'missing_output',
            CARRIED_OVER: 'carried_over'}


def _read_sets(connection: Connection, tables: Tables, run_ids: list[int]) -> dict[tuple[int, str], set[int]]:
    """Return the ids of the tests in each set, by run and set."""
    customized, result, file = tables.host.customized_test, tables.host.test_result, tables.host.test_result_file
    carried = tables.carried_over.c
    runs = _literals(run_ids)
    selects: dict[str, Select[Any]] = {
        TOLD: select(customized.test_id, customized.regression_id).where(customized.test_id.in_(runs)),
        RESULTS: select(result.test_id, result.regression_test_id).where(result.test_id.in_(runs)),
        EXPECTED_EXIT_CODE: with_expected_exit_code(tables.host).where(result.test_id.in_(runs)),
        DIFFERING: differing_outputs(tables.host).where(file.test_id.in_(runs)),
        MISSING: missing_outputs(tables.host).where(result.test_id.in_(runs)),
        CARRIED_OVER: (select(carried.test_id, carried.regression_test_id)
                       .where(carried.test_id.in_(runs), is_carried_over(tables))),
    }
    # One row for each set, and not for each test in it: ten attempts of 300 tests take the driver 30 ms otherwise.
    as_array = func.json_group_array if connection.dialect.name == 'sqlite' else func.json_arrayagg
    statements = []
    for name, statement in selects.items():
        run_id, test_id = statement.selected_columns
        statements.append(statement.with_only_columns(run_id, literal(name), as_array(test_id)).group_by(run_id))
    sets: dict[tuple[int, str], set[int]] = defaultdict(set)
    for run_id, name, test_ids in connection.execute(union_all(*statements)):
        sets[run_id, name] = set(json.loads(test_ids))
    return sets


def _add_evidence(connection: Connection, tables: Tables, run_ids: list[int],
                  outcomes: dict[int, list[Outcome]]) -> None:
    """Add exit codes and hashes to the outcomes of every test that ran more than once and failed."""
    test_ids = []
    for test_id, of_test in outcomes.items():
        ran = [one.outcome for one in of_test if one.outcome in RAN]
        if len(ran) > 1 and set(ran) != {'pass'}:
            test_ids.append(test_id)
    if not test_ids:
        return
    result, file = tables.host.test_result, tables.host.test_result_file
    rows = connection.execute(
        select(result.test_id, result.regression_test_id, result.exit_code, result.expected_rc,
               file.regression_test_output_id, func.coalesce(file.got, file.expected), file.expected)
        .outerjoin_from(result.table, file.table, and_(file.test_id == result.test_id,
                                                       file.regression_test_id == result.regression_test_id))
        .where(result.test_id.in_(_literals(run_ids)), result.regression_test_id.in_(_literals(test_ids))))
    codes: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    produced: dict[tuple[int, int], set[tuple[int, str]]] = defaultdict(set)
    expected: dict[tuple[int, int], set[tuple[int, str]]] = defaultdict(set)
    for run_id, test_id, exit_code, expected_rc, output_id, what_came, what_was_expected in rows:
        codes[run_id, test_id] = exit_code, expected_rc
        if output_id is not None:
            produced[run_id, test_id].add((output_id, what_came))
            expected[run_id, test_id].add((output_id, what_was_expected))
    for test_id in test_ids:
        outcomes[test_id] = [
            Outcome(run_id, attempt, outcome, *codes.get((run_id, test_id), (None, None)),
                    frozenset(produced[run_id, test_id]), frozenset(expected[run_id, test_id]))
            for run_id, attempt, outcome, *_ in outcomes[test_id]]


def _literals(ids: list[int]) -> BindParameter[Any]:
    """Return ids for ``in_``, written into the statement: there may be more than a database takes parameters."""
    return bindparam(None, ids, expanding=True, literal_execute=True)
