"""Where the results that a retry lacks come from (docs/operations.rst, "Results are carried over")."""

from datetime import datetime

from mod_runs_api.domain.carry_over import find_origins
from mod_runs_api.domain.progress import Progress, ProgressRow

NOW = datetime(2026, 11, 24, 12)


def attempt(run_id, *rows):
    """Return an attempt with the ids and statuses of its progress rows."""
    return Progress(run_id, [ProgressRow(run_id, row_id, status, '', NOW) for row_id, status in rows])


def origins(attempts, lacking, executed):
    """Return the origin runs of the tests that a retry lacks, which was completed by progress row 20."""
    return find_origins(ProgressRow(9, 20, 'completed', '', NOW), lacking, {one.run_id: one for one in attempts},
                        executed)


def test_an_origin_is_the_attempt_that_ended_last_of_those_that_executed_the_test():
    attempts = [attempt(1, (1, 'canceled')), attempt(3, (2, 'completed'), (9, 'completed')),
                attempt(2, (5, 'completed')), attempt(4, (6, 'testing'))]

    assert origins(attempts, {10, 11, 12}, {1: {10, 11}, 2: {12}, 3: {11, 12}, 4: {10}}) == {10: 1, 11: 3, 12: 2}


def test_a_retry_gets_only_the_results_that_it_lacks():
    assert origins([attempt(1, (1, 'completed'))], {10, 12}, {1: {10, 11}}) == {10: 1}


def test_an_attempt_that_started_after_the_end_of_the_retry_is_no_origin():
    attempts = [attempt(1, (1, 'completed')), attempt(2, (19, 'preparation'), (30, 'completed')),
                attempt(3, (21, 'preparation'), (31, 'completed'))]

    assert origins(attempts, {10, 11, 12}, {1: {10, 11}, 2: {11}, 3: {11, 12}}) == {10: 1, 11: 2}
