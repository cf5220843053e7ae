"""
What the run's own page shows as failed is what is run again (docs/api.rst, "Which tests are run" and "Outcomes").

A run has a regression test for every way in which one can end. The platform's own reading of it is compared with the
tests that the package makes a new run of.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, product
from typing import NamedTuple

import pytest
from protocol import BOTH, Story
from rows import Rows, now

pytestmark = [pytest.mark.platform, BOTH]

#: How a command ended and should have ended; None if it never ran.
ENDS = (None, (0, 0), (10, 10), (1, 0), (1, 10), (0, 10), (None, 0), (None, None), (0, None))

ACCEPTED, OF_ANOTHER = 'accepted', 'accepted of another output'

#: What stands in the database of an output: None where it is identical to what is expected, no row where it is missing.
FILES = ('missing', None, ACCEPTED, OF_ANOTHER, ACCEPTED.upper(), f'{ACCEPTED} ', 'unknown', '')


class Output(NamedTuple):
    """An expected output of a test, and what came of it."""

    file: str | None
    ignore: bool | None


@dataclass(frozen=True)
class Case:
    """A regression test, and how it ended."""

    id: int
    end: tuple[int | None, int | None] | None
    outputs: tuple[Output, ...]

    @property
    def is_overlooked(self) -> bool:
        """Whether it did not pass, whatever the page shows: there is no result, no exit code, or an output less."""
        return self.end is None or self.end[0] is None or any(
            output.file == 'missing' and output.ignore is not True for output in self.outputs)


ONE = [Output(*output) for output in product(FILES, (True, False, None))]
SOME = [Output(*output) for output in product(('missing', None, 'unknown'), (True, False))]

#: Without an output, with each one, and with each two of some.
CASES = [Case(id, end, outputs) for id, (end, outputs) in enumerate(
    product(ENDS, [(), *((output,) for output in ONE), *product(SOME, SOME)]), 1)]


def write(rows: Rows, run_id: int) -> None:
    """Write the tests down, and their results in a run."""
    ids = count(1)
    outputs = [(next(ids), case, output) for case in CASES for output in case.outputs]
    another = next(ids)
    rows.add_all('regression_test', ({'id': case.id, 'sample_id': 1, 'command': f'-test {case.id}', 'active': True,
                                      'input_type': 'file', 'output_type': 'file', 'expected_rc': 0}
                                     for case in [*CASES, Case(len(CASES) + 1, None, ())]))
    rows.add_all('regression_test_category', ({'regression_id': case.id, 'category_id': 1} for case in CASES))
    rows.add_all('regression_test_output', (
        {'id': id, 'regression_id': test_id, 'correct': 'correct', 'correct_extension': '.srt',
         'expected_filename': '', 'ignore': ignore}
        for id, test_id, ignore in [*((id, case.id, output.ignore) for id, case, output in outputs),
                                    (another, len(CASES) + 1, False)]))
    rows.add_all('regression_test_output_files', (
        {'regression_test_output_id': id, 'file_hashes': accepted}
        for id, accepted in [*((id, ACCEPTED) for id, *_ in outputs), (another, OF_ANOTHER)]))
    rows.add_all('test_result', (
        {'test_id': run_id, 'regression_test_id': case.id, 'runtime': 1, 'exit_code': case.end[0],
         'expected_rc': case.end[1]} for case in CASES if case.end))
    rows.add_all('test_result_file', (
        {'test_id': run_id, 'regression_test_id': case.id, 'regression_test_output_id': id,
         'expected': 'correct', 'got': output.file} for id, case, output in outputs if output.file != 'missing'))


@pytest.mark.parametrize('has_rows', [True, False])
def test_what_the_page_shows_as_failed_and_what_it_overlooks_is_run_again(story: Story, has_rows: bool) -> None:
    run_id = story.push([])
    write(story.rows, run_id)
    if has_rows:
        # Two webhook events write them twice.
        story.rows.add_all('customized_test', ({'test_id': run_id, 'regression_id': case.id} for case in CASES * 2))
    story.rows.add('test_progress', test_id=run_id, status='completed', message='', timestamp=now())

    failed_on_the_page = {test_id for test_id, passed in story.categories(run_id)['General'].items() if not passed}
    run_again = set(story.selection(story.retry(run_id)))

    overlooked = {case.id for case in CASES if case.is_overlooked}
    assert failed_on_the_page and overlooked - failed_on_the_page
    assert run_again == failed_on_the_page | overlooked
