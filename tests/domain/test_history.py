"""What the page of a run shows of its attempts (docs/web-pages.rst, "The retry history")."""

import pytest
from support.executions import CARRIED_OVER, CRASH, FAIL, NOT_RUN, PASS
from support.verdicts import verdicts_of

from mod_runs_api.domain.history import MAX_LISTED, MAX_TESTS, Cell, build_grid
from mod_runs_api.domain.outcomes import Result, RunTests


def test_the_grid_has_a_row_for_each_test_that_ran_and_did_not_simply_pass():
    grid = build_grid(verdicts_of([PASS, PASS], [NOT_RUN, NOT_RUN], [FAIL, FAIL], [PASS, FAIL]), {})

    assert grid and (grid.columns, grid.never_ran, grid.tests_left_out, grid.attempts_left_out) == ([2, 1], 1, 0, 0)
    assert [(row.regression_test_id, row.command, row.phrase, row.cells) for row in grid.rows] == [
        (4, 'command 4', 'is flaky', {1: Cell('pass'), 2: Cell('fail')}),
        (3, 'command 3', 'fails each time in the same way', {1: Cell('fail'), 2: Cell('fail')})]


@pytest.mark.parametrize('result, outcome', [
    (Result(0, 0), 'pass'), (Result(139, 0), 'fail'), (Result(0, 0, outputs_without_file=[False]), 'missing_output')])
def test_the_cell_of_a_carried_over_result_says_how_it_came_out(result, outcome):
    grid = build_grid(verdicts_of([CRASH, CARRIED_OVER]), {2: RunTests({1: result}, set(), {1})})

    assert grid and grid.rows[0].cells[2] == Cell(outcome, is_carried_over=True)


def test_there_is_no_grid_if_one_attempt_has_ended_or_every_test_passed():
    assert build_grid(verdicts_of([FAIL]), {}) is None
    assert build_grid(verdicts_of([PASS, PASS]), {}) is None


def test_the_grid_has_the_newest_attempts_and_so_many_tests_and_counts_the_others():
    histories = [[FAIL] * (MAX_LISTED + 2)] * (MAX_TESTS + 3)

    grid = build_grid(verdicts_of(*histories), {})

    assert grid and (grid.columns[0], len(grid.columns), grid.attempts_left_out) == (MAX_LISTED + 2, MAX_LISTED, 2)
    assert (len(grid.rows), grid.tests_left_out) == (MAX_TESTS, 3)
