"""The end of a run, and the order of the results of several (docs/how-it-works.rst, "Results are carried over")."""

from datetime import datetime

import pytest
from support.messages import LOST_MACHINE, OUT_OF_ORDER, TIME_LIMIT

from mod_runs_api.domain.progress import Progress, ProgressRow, sort_by_results


def progress(run_id, *rows):
    """Return the progress of a run: the ids of its rows, with stages or the messages of canceled rows."""
    stages = ('preparation', 'testing', 'completed')
    return Progress(run_id, [
        ProgressRow(run_id, row_id, text, '', datetime.min) if text in stages else
        ProgressRow(run_id, row_id, 'canceled', text, datetime.min) for row_id, text in rows])


#: Run 1 completed with row 10, between the rows of run 2.
COMPLETED = progress(1, (2, 'preparation'), (10, 'completed'))


@pytest.mark.parametrize(('rows', 'is_before'), [
    # The clock wrote the end, hours after the last test.
    ([(3, 'testing'), (20, LOST_MACHINE)], True), ([(3, 'testing'), (20, f' {TIME_LIMIT}')], True),
    ([(20, TIME_LIMIT)], True), ([(3, 'testing'), (20, TIME_LIMIT), (21, 'Build failed')], True),
    ([(11, 'testing'), (20, TIME_LIMIT)], False),
    # The machine, or a person, wrote the end, and a completion stays where it is.
    ([(3, 'testing'), (20, OUT_OF_ORDER)], False), ([(3, 'testing'), (20, OUT_OF_ORDER), (21, TIME_LIMIT)], False),
    ([(3, 'testing'), (20, 'completed'), (21, TIME_LIMIT)], False)])
def test_an_end_that_the_clock_wrote_has_the_place_of_the_row_before_for_results(rows, is_before):
    other = progress(2, *rows)

    assert sort_by_results([COMPLETED, other]) == ([2, 1] if is_before else [1, 2])


def test_a_completion_keeps_its_place_whatever_message_the_worker_wrote():
    completed = Progress(2, [ProgressRow(2, 3, 'testing', '', datetime.min),
                             ProgressRow(2, 20, 'completed', TIME_LIMIT, datetime.min)])

    assert sort_by_results([completed, COMPLETED]) == [1, 2]


def test_runs_that_never_reported_anything_come_first_in_the_order_of_their_ends():
    runs = [COMPLETED, progress(3, (20, TIME_LIMIT)), progress(2, (21, LOST_MACHINE)), progress(4, (22, 'testing'))]

    assert sort_by_results(runs) == [3, 2, 1]
