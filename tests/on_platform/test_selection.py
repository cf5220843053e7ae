"""
What the run's own page shows as failed is what is run again (docs/api.rst, "Which tests are run" and "Outcomes").

A run has a regression test for every way in which one can end. The platform's own reading of it is compared with the
tests that the package makes a new run of.
"""

from itertools import product

import pytest

from .protocol import BOTH

pytestmark = BOTH

ACCEPTED, OF_ANOTHER = 'accepted', 'accepted of another output'

#: How a command ended and should have ended; None if it never ran.
ENDS = (None, (0, 0), (10, 10), (1, 0), (1, 10), (0, 10), (None, 0), (None, None), (0, None))

#: What stands in the database of an output: None if the output is as expected, and no row if it is missing.
FILES = ('missing', None, ACCEPTED, OF_ANOTHER, ACCEPTED.upper(), f'{ACCEPTED} ', 'unknown', '')

#: An output is a file and whether it is ignored. A test has none, each one, or each two of some.
OUTPUTS = [(), *((output,) for output in product(FILES, (True, False, None))),
           *product(product(('missing', None, 'unknown'), (True, False)), repeat=2)]

#: Every regression test by its id: how it ended, and its outputs.
CASES = dict(enumerate(product(ENDS, OUTPUTS), 1))

#: It has no result, no exit code, or an output less: it did not pass, whatever the page shows.
OVERLOOKED = {id for id, (end, outputs) in CASES.items() if end is None or end[0] is None or any(
    file == 'missing' and ignore is not True for file, ignore in outputs)}


def write(rows, run_id):
    """Write the tests down, and their results in a run. A test in no category has an output of its own."""
    another = len(CASES) + 1
    outputs = [(id, *output) for id, (_, outputs) in CASES.items() for output in outputs]
    outputs.append((another, 'missing', False))
    rows.add_all('regression_test', ({'id': id, 'sample_id': 1, 'command': f'-test {id}', 'active': True,
                                      'input_type': 'file', 'output_type': 'file', 'expected_rc': 0}
                                     for id in [*CASES, another]))
    rows.add_all('regression_test_category', ({'regression_id': id, 'category_id': 1} for id in CASES))
    rows.add_all('regression_test_output', (
        {'id': output_id, 'regression_id': id, 'correct': 'correct', 'correct_extension': '.srt',
         'expected_filename': '', 'ignore': ignore} for output_id, (id, _, ignore) in enumerate(outputs, 1)))
    rows.add_all('regression_test_output_files', (
        {'regression_test_output_id': output_id, 'file_hashes': OF_ANOTHER if id == another else ACCEPTED}
        for output_id, (id, *_) in enumerate(outputs, 1)))
    rows.add_all('test_result', (
        {'test_id': run_id, 'regression_test_id': id, 'runtime': 1, 'exit_code': end[0], 'expected_rc': end[1]}
        for id, (end, _) in CASES.items() if end))
    rows.add_all('test_result_file', (
        {'test_id': run_id, 'regression_test_id': id, 'regression_test_output_id': output_id, 'expected': 'correct',
         'got': file} for output_id, (id, file, _) in enumerate(outputs, 1) if file != 'missing'))


@pytest.mark.parametrize('has_rows', [True, False])
def test_what_the_page_shows_as_failed_and_what_it_overlooks_is_run_again(story, has_rows):
    run_id = story.push([])
    write(story.rows, run_id)
    if has_rows:
        # Two webhook events write them twice.
        story.rows.add_all('customized_test', ({'test_id': run_id, 'regression_id': id} for id in [*CASES] * 2))
    story.rows.complete(run_id)

    failed_on_the_page = {id for id, passed in story.categories(run_id)['General'].items() if not passed}
    run_again = set(story.rows.selection(story.retry(run_id)))

    assert failed_on_the_page and OVERLOOKED - failed_on_the_page
    assert run_again == failed_on_the_page | OVERLOOKED
