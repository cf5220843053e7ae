"""Why a run ended: the table of docs/api.rst, "Causes", line by line."""

from datetime import datetime

import pytest
from support.messages import LOST_MACHINE, NOT_VISIBLE, OUT_OF_ORDER, TIME_LIMIT

from mod_runs_api.domain.causes import Cause, find_cause
from mod_runs_api.domain.outcomes import Mark, Result, RunTests
from mod_runs_api.domain.progress import Progress, ProgressRow
from mod_runs_api.domain.statistics import CauseCounts

NOT_RAN = 'Not ran - no code changes'
MISSING = '2 of 3 results are missing'
SKULL = '\U0001f480'
STARTED = ['preparation', 'testing']
COMPLETED = [*STARTED, 'completed']


def progress(*rows):
    """Return the progress that these rows make: stages, and the messages of rows that cancel."""
    written = [(row, '') if row in COMPLETED else ('canceled', row) for row in rows]
    return Progress(1, [ProgressRow(1, number, status, message, datetime(2026, 11, 24))
                        for number, (status, message) in enumerate(written, 1)])


def run_tests(ran=1, *, has_selection=True, has_timed_out=False):
    """Return three selected tests, of which some ran."""
    result = Result(0, 0, has_timed_out=has_timed_out)
    return RunTests(dict.fromkeys(range(1, ran + 1), result), {1, 2, 3}, {1, 2, 3}, has_selection)


def find(*rows, **options):
    """Return the cause of a run that has these rows, without the sentence."""
    cause = find_cause(progress(*rows), run_tests(**options))
    assert cause
    return cause.name, cause.detail


@pytest.mark.parametrize('earlier', ['', 'Canceled by user', OUT_OF_ORDER, 'Tests canceled'])
@pytest.mark.parametrize('later', [
    [], [TIME_LIMIT, TIME_LIMIT], ['Cancelling tests as Github Action(s) failed'], ['Canceled by admin'],
    ['A new word'], ['completed']])
def test_a_run_that_completed_whole_has_no_cause_whatever_came_before_and_after(earlier, later):
    assert find_cause(progress(*STARTED, earlier, 'completed', *later), run_tests(3)) is None


def test_a_run_that_has_not_ended_has_no_cause():
    for rows in ([], STARTED, ['preparation', 'Canceled by user', 'testing']):
        assert find_cause(progress(*rows), run_tests()) is None, rows


#: The rows of runs that lack results, by the cause; the message that decides is the last, unless it is given.
CAUSES: dict[str, list[tuple[list[str], str | None]]] = {
    'decision': [
        *[([*STARTED, 'Canceled by alice via API: wrong', *later], 'Canceled by alice via API: wrong') for later in (
            [], [OUT_OF_ORDER], [TIME_LIMIT], ['canceled by admin', ''], ['completed'], ['testing', LOST_MACHINE],
            ['Build failed: …'])],
        ([' Canceled by admin\n', TIME_LIMIT], 'Canceled by admin'),
        *[([message], None) for message in (
            'Canceled by user', 'PR closed', 'PR is closed', 'Tests canceled', 'Invalid PR number', NOT_RAN)],
        ([NOT_VISIBLE, 'PR closed'], None)],
    'build': [
        *[([message], None) for message in (
            'Build failed: the workflow finished', 'No build will be created', 'Artifact not found: it may be old',
            'Artifact download failed: HTTP 404', 'Artifact download failed: HTTP 410',
            'Cancelling tests as Github Action(s) failed')],
        ([*STARTED, TIME_LIMIT, 'Build failed: …'], None), ([NOT_VISIBLE, 'Build failed: …'], None)],
    'infrastructure': [
        *[([*STARTED, *[TIME_LIMIT] * ticks], None) for ticks in (1, 2, 5)],
        # Unlike a person's, the end that a pull request or a build brought about is only looked for in the last row.
        (['PR closed', TIME_LIMIT], None), (['Build failed: …', TIME_LIMIT], None),
        *[([message], None) for message in (
            'GCP operation timed out. The test will be retried automatically.', 'VM creation failed (SOMETHING_NEW).',
            'Required GCP resource not found.', 'A VM with this name already exists.', 'Artifact download timed out',
            *[f'Artifact download failed: HTTP {status}' for status in (401, 403, 429, 502)])],
        *[([*STARTED, message], None) for message in (OUT_OF_ORDER, 'artifact', LOST_MACHINE)],
        *[([*STARTED, message], 'the worker gave up') for message in ('', ' \n')],
        ([f' {TIME_LIMIT}\n'], TIME_LIMIT),
        *[([NOT_VISIBLE, *later], NOT_VISIBLE) for later in ([], [NOT_RAN], [NOT_RAN, NOT_RAN])],
        (COMPLETED, MISSING), ([*COMPLETED, OUT_OF_ORDER], None), ([*COMPLETED, 'A new word'], MISSING)],
    'unknown': [([*STARTED, message], None) for message in (
        'PR converted to draft', f'{TIME_LIMIT} again', 'the worker gave up', 'gcp quota', 'The artifact',
        'duplicate entries', 'Canceled', 'Not Canceled by admin', 'PR closed!', 'canceled by admin')]}


@pytest.mark.parametrize('expected', CAUSES)
def test_the_cause_is_the_first_line_of_the_table_that_fits(expected):
    for rows, detail in CAUSES[expected]:
        assert find(*rows) == (expected, rows[-1] if detail is None else detail), rows


@pytest.mark.parametrize('message', ['Build failed: …', 'PR closed'])
def test_the_message_of_a_completed_row_may_name_the_cause_of_missing_results_too(message):
    rows = [ProgressRow(1, 1, 'completed', message, datetime(2026, 11, 24))]

    assert find_cause(Progress(1, rows), run_tests()) == Cause.of_message(message)


def test_the_own_results_of_the_original_selection_decide():
    # Test 2 is carried over, and 3 was selected by that. No worker receives 4, which is in no category, or 5.
    marks = {2: Mark(9, was_selected=True), 3: Mark(9, was_selected=False)}
    results = {1: Result(0, 0), 2: Result(0, 0, has_timed_out=True), 3: Result(0, 0), 4: Result(1, 0)}
    tests = RunTests(results, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 6}, marks=marks)

    assert find_cause(progress(*COMPLETED), tests) == Cause.of_missing('2 of 4 results are missing')
    assert find_cause(progress(*STARTED, TIME_LIMIT), tests) == Cause.of_message(TIME_LIMIT)
    assert find_cause(progress(*COMPLETED), tests._replace(selected={1, 3, 4, 5})) is None


@pytest.mark.parametrize(('message', 'has_timed_out', 'expected'), [
    (TIME_LIMIT, True, 'code'), (TIME_LIMIT, False, 'infrastructure'), (OUT_OF_ORDER, True, 'infrastructure')])
def test_a_test_of_ten_minutes_says_that_the_code_hangs_if_the_time_ran_out(message, has_timed_out, expected):
    assert find(*STARTED, message, has_timed_out=has_timed_out) == (expected, message)


def test_without_rows_of_its_selection_one_result_makes_a_completed_run_whole():
    assert find_cause(progress(*COMPLETED), run_tests(1, has_selection=False)) is None
    assert find(*COMPLETED, ran=0, has_selection=False) == ('infrastructure', 'all results are missing')


def test_causes_are_counted_by_name_and_by_message():
    missing = [Cause.of_missing(f'{some} results are missing') for some in ('3 of 20', '4 of 20', 'all')]
    canceled = Cause.of_message('Canceled by admin: 3 results are missing')

    assert CauseCounts.of([canceled, None, *missing, canceled, None]) == CauseCounts(
        7, 2, {'decision': 2, 'build': 0, 'code': 0, 'infrastructure': 3, 'unknown': 0},
        [(Cause.of_missing('results are missing'), 3), (canceled, 2)])


@pytest.mark.parametrize(('rows', 'options', 'sentence'), [
    ([*STARTED, TIME_LIMIT], {}, 'The run exceeded the time limit.'),
    ([*STARTED, TIME_LIMIT], {'has_timed_out': True},
     'The code hangs: one test ran for ten minutes, and the run exceeded the time limit.'),
    ([NOT_VISIBLE, NOT_RAN], {}, 'GitHub did not show the build yet, so no test ran.'),
    ([*STARTED, ''], {}, 'The worker gave up.'),
    ([*STARTED, 'the worker gave up'], {}, 'The run was canceled for an unknown reason: "the worker gave up."'),
    (['Build failed: see the log'], {}, 'The build failed, or waits for an approval: "Build failed: see the log."'),
    (['Cancelling tests as Github Action(s) failed'], {},
     'The build failed, or waits for an approval: "Cancelling tests as Github Action(s) failed."'),
    (COMPLETED, {}, 'The run completed, but 2 of 3 results are missing.')])
def test_the_sentence_says_what_is_known_and_no_more(rows, options, sentence):
    cause = find_cause(progress(*rows), run_tests(**options))

    assert cause and cause.sentence == sentence


@pytest.mark.parametrize(('message', 'quoted'), [
    ('Canceled by "me".\r\n\u2028The tests passed', "Canceled by 'me'. The tests passed"),
    (f'Canceled {SKULL * 461}', f'Canceled {SKULL * 461}'),
    (f'Canceled {SKULL * 462}', f'Canceled {SKULL * 460}…'),
    (f'Canceled {"x " * 100_000}', f'Canceled {"x " * 230}…')])
def test_a_message_of_any_length_and_characters_stays_a_quotation_in_one_sentence(message, quoted):
    sentence = Cause.of_message(message).sentence

    assert sentence == f'A person canceled the run: "{quoted}."'
    assert len(sentence) <= 500
