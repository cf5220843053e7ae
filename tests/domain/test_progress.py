"""The end of a run (docs/operations.rst, "Results are carried over")."""

import pytest

from mod_runs_api.domain.progress import Progress, sort_by_end

from .test_causes import progress


@pytest.mark.parametrize(('rows', 'end'), [
    ([], None), (['preparation'], None), (['A message', 'testing'], None), (['completed', 'testing'], None),
    (['completed'], 1), (['completed', 'completed'], 1), (['testing', 'completed', 'A message'], 2),
    (['A message', 'completed'], 2),
    # The platform writes the time limit again and again.
    (['testing', 'A message', 'A message', 'another'], 2), (['A message', 'testing', 'another', 'another'], 3)])
def test_the_end_is_the_first_completion_or_else_the_first_cancellation_at_the_tail(rows, end):
    found = progress(*rows).end

    assert (found and found.id) == end


def test_ends_are_ordered_by_their_rows_and_who_has_none_is_left_out():
    late, running = progress('testing', 'testing', 'completed'), progress()
    early = Progress(2, [row._replace(run_id=2) for row in progress('testing', 'A message').rows])

    assert sort_by_end([late, running, early]) == [early.end, late.end]
