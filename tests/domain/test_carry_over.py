"""The results that a retry gets from other attempts (docs/how-it-works.rst, "Results are carried over")."""

from datetime import datetime

import pytest

from mod_runs_api.domain.carry_over import choose_origins, drop_contradicted
from mod_runs_api.domain.progress import Progress, ProgressRow

NOW = datetime(2026, 11, 24, 12)


def attempt(run_id, *rows):
    """Return an attempt with the ids and statuses of its progress rows."""
    return Progress(run_id, [ProgressRow(run_id, row_id, status, '', NOW) for row_id, status in rows])


#: The row that completed the retry.
COMPLETED = ProgressRow(9, 20, 'completed', '', NOW)


def origins(attempts, without_result, own_results, completed=COMPLETED):
    """Return the origin runs of the tests that a retry gets."""
    return choose_origins(completed, without_result, {one.run_id: one for one in attempts}, own_results)


def test_an_origin_is_the_attempt_that_ended_last_of_those_that_ran_the_test():
    attempts = [attempt(1, (1, 'canceled')), attempt(3, (2, 'completed'), (9, 'completed')),
                attempt(2, (5, 'completed')), attempt(4, (6, 'testing'))]

    assert origins(attempts, {10, 11, 12}, {1: {10, 11}, 2: {12}, 3: {11, 12}, 4: {10}}) == {10: 1, 11: 3, 12: 2}


def test_a_retry_gets_only_the_results_that_it_has_not():
    assert origins([attempt(1, (1, 'completed'))], {10, 12}, {1: {10, 11}}) == {10: 1}


def test_an_attempt_that_started_after_the_end_of_the_retry_is_no_origin():
    attempts = [attempt(1, (1, 'completed')), attempt(2, (19, 'preparation'), (30, 'completed')),
                attempt(3, (21, 'preparation'), (31, 'completed'))]

    assert origins(attempts, {10, 11, 12}, {1: {10, 11}, 2: {11}, 3: {11, 12}}) == {10: 1, 11: 2}


def test_a_retry_that_has_not_ended_would_get_what_is_known_now():
    assert origins([attempt(1, (1, 'completed')), attempt(3, (21, 'completed'))], {10, 11}, {1: {10, 11}, 3: {11}},
                   completed=None) == {10: 1, 11: 3}


@pytest.mark.parametrize(('reported', 'is_kept'), [
    ({}, True), ({5: None}, True), ({5: None, 6: 'got'}, True), ({6: 'other'}, False), ({5: 'got'}, False),
    ({7: None}, False)])
def test_a_test_whose_output_a_worker_reported_differently_without_a_result_gets_none(reported, is_kept):
    files = {(1, 10): {5: None, 6: 'got'}, (9, 10): reported}

    assert drop_contradicted({10: 1}, {10: reported}, files) == ({10: 1} if is_kept else {})
    assert drop_contradicted({11: 1}, {10: reported}, files) == {11: 1}
