"""
What the run's own page shows as failed is what is run again (contract section 4).

Runs of every mixture are made by chance, always the same ones. The platform's own reading of each is compared with the
tests that the package makes a new run of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, cycle, islice, product
from random import Random
from typing import Any

import pytest
from checkout import Platform
from rows import Rows

pytestmark = pytest.mark.platform

SEED = 20261124
TESTS = 24
RUNS = 100
CATEGORIES = 4

#: How a command ended and should have ended; None if it never ran.
ENDS: dict[str, tuple[int | None, int | None] | None] = {
    'never ran': None,
    'as expected': (0, 0),
    'failed as expected': (10, 10),
    'failed': (1, 0),
    'failed otherwise than expected': (1, 10),
    'did not fail as expected': (0, 10),
    'unknown': (None, 0),
    'unknown and nothing expected': (None, None),
    'nothing expected': (0, None),
}

FILES = ('missing', 'identical', 'accepted', 'accepted of another output', 'accepted in upper case',
         'accepted and a space', 'unknown', 'empty')


#: The progress of a run by its last stage.
STAGES = {
    'queued': (),
    'preparation': ('preparation',),
    'testing': ('preparation', 'testing'),
    'completed': ('preparation', 'testing', 'completed'),
    'canceled': ('preparation', 'testing', 'canceled'),
}

IGNORED = (True, False, None)


def variant(output_id: int, number: int) -> str:
    """Name what may come out instead of what was first expected of an output."""
    return f'variant-{number}-of-{output_id}'


@dataclass(frozen=True)
class Output:
    """An expected output of a regression test."""

    id: int
    ignore: bool | None
    accepted: tuple[str, ...]

    def got(self, file: str) -> str | None:
        """Give what stands for one of :data:`FILES` in the database."""
        accepted = self.accepted[-1] if self.accepted else 'no variant'
        return {'identical': None, 'accepted': accepted, 'accepted in upper case': accepted.upper(),
                'accepted and a space': accepted + ' ', 'unknown': 'unknown', 'empty': '',
                'accepted of another output': variant(2 if self.id == 1 else 1, 0)}[file]


@dataclass(frozen=True)
class RegressionTest:
    """A regression test."""

    id: int
    active: bool
    outputs: tuple[Output, ...]


@dataclass
class Case:
    """A run, as it was written down; ``chosen`` is None if it has no rows of its own and runs everything."""

    id: int
    chosen: list[int] | None
    stage: str
    ends: dict[int, str] = field(default_factory=dict)
    files: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether it is known what failed."""
        return self.stage in ('completed', 'canceled')


@dataclass(frozen=True)
class Corpus:
    """The regression tests by their ids, and the runs."""

    tests: dict[int, RegressionTest]
    cases: list[Case]


@dataclass(frozen=True)
class Judged:
    """A finished run, what its page shows as failed, and what was run again: nothing, where that was refused."""

    case: Case
    failed_on_the_page: set[int]
    run_again: set[int]
    answer: dict[str, Any]


def make_corpus(random: Random) -> Corpus:
    """Think of regression tests and of runs of them."""
    tests: dict[int, RegressionTest] = {}
    output_ids = count(1)
    for test_id in range(1, TESTS + 1):
        outputs = tuple(
            Output(output_id, random.choice(IGNORED),
                   tuple(variant(output_id, number) for number in range(output_id % 3)))
            for output_id in islice(output_ids, test_id % 4))
        tests[test_id] = RegressionTest(test_id, test_id % 12 != 0, outputs)
    # Dealt out in turn, so that each is met with each.
    files = {met: cycle(random.sample(FILES, len(FILES))) for met in product(ENDS, IGNORED)}
    return Corpus(tests, [make_case(random, tests, files, run_id) for run_id in range(1, RUNS + 1)])


def make_case(random: Random, tests: dict[int, RegressionTest],
              files: Mapping[tuple[str, bool | None], Iterator[str]], run_id: int) -> Case:
    """Think of one run."""
    stage = random.choice(['completed'] * 6 + ['canceled'] * 3 + ['testing', 'preparation', 'queued'])
    chosen = None if random.random() < 0.2 else sorted(random.sample(sorted(tests), random.randint(1, TESTS)))
    case = Case(run_id, chosen, stage)
    ran = sorted(tests) if chosen is None else list(chosen)
    if chosen is not None and random.random() < 0.3:
        chosen.extend(random.sample(chosen, random.randint(1, len(chosen))))
    if stage != 'completed':
        ran = [] if stage in ('queued', 'preparation') else ran[:random.randrange(len(ran) + 1)]
    share_of_passes = random.choice([1.0, 0.9, 0.5, 0.0])
    for test_id in ran:
        passed = random.random() < share_of_passes
        end = case.ends[test_id] = random.choice(['as expected', 'failed as expected'] if passed else list(ENDS))
        for output in tests[test_id].outputs:
            case.files[test_id, output.id] = 'identical' if passed else next(files[end, output.ignore])
    return case


def write(rows: Rows, random: Random, corpus: Corpus) -> None:
    """Write the corpus down."""
    tests = corpus.tests.values()
    categories = range(1, CATEGORIES + 1)
    outputs = [(test, output) for test in tests for output in test.outputs]
    rows.add_all('category', ({'id': number, 'name': f'Category {number}', 'description': ''}
                              for number in categories[1:]))
    rows.add_all('regression_test', (
        {'id': test.id, 'sample_id': 1, 'command': f'-test {test.id}', 'input_type': 'file', 'output_type': 'file',
         'expected_rc': 0, 'active': test.active} for test in tests))
    rows.add_all('regression_test_category', (
        {'regression_id': test.id, 'category_id': category}
        for test in tests for category in random.sample(categories, random.randint(1, 3))))
    rows.add_all('regression_test_output', (
        {'id': output.id, 'regression_id': test.id, 'correct': 'correct', 'correct_extension': '.srt',
         'expected_filename': '', 'ignore': output.ignore} for test, output in outputs))
    rows.add_all('regression_test_output_files', (
        {'regression_test_output_id': output.id, 'file_hashes': accepted}
        for _, output in outputs for accepted in output.accepted))
    rows.add_all('test', (
        {'id': case.id, 'platform': 'linux', 'test_type': 'commit', 'fork_id': 1, 'branch': 'master',
         'commit': f'{case.id:040x}', 'pr_nr': 0, 'token': f'{case.id:064x}'} for case in corpus.cases))
    rows.add_all('test_progress', (
        {'test_id': case.id, 'status': stage, 'message': '', 'timestamp': datetime(2026, 1, 1)}
        for case in corpus.cases for stage in STAGES[case.stage]))
    rows.add_all('customized_test', (
        {'test_id': case.id, 'regression_id': test_id} for case in corpus.cases for test_id in case.chosen or []))
    rows.add_all('test_result', (
        {'test_id': case.id, 'regression_test_id': test_id, 'runtime': 1, 'exit_code': end[0], 'expected_rc': end[1]}
        for case in corpus.cases for test_id, name in case.ends.items() if (end := ENDS[name])))
    rows.add_all('test_result_file', (
        {'test_id': case.id, 'regression_test_id': test.id, 'regression_test_output_id': output.id,
         'expected': 'correct', 'got': output.got(file)}
        for case in corpus.cases for test, output in outputs
        if (file := case.files.get((test.id, output.id), 'missing')) != 'missing'))


@pytest.fixture(scope='module')
def corpus(own_rows: Rows) -> Corpus:
    """Give the runs, written down."""
    random = Random(SEED)
    corpus = make_corpus(random)
    write(own_rows, random, corpus)
    return corpus


@pytest.fixture(scope='module')
def answers(own_rows: Rows, corpus: Corpus, mounted: Platform) -> dict[int, dict[str, Any]]:
    """Retry what failed of every run, inactive tests left out, and give what came of it by the run's id."""
    requests = [{'run_id': case.id, 'failed_only': True} for case in corpus.cases]
    answers = mounted.with_settings(RUNS_API_INACTIVE_TESTS='drop').inside(
        'retry_runs', own_rows.address, requests=requests)
    return {case.id: answer for case, answer in zip(corpus.cases, answers, strict=True)}


@pytest.fixture(scope='module')
def judged(own_rows: Rows, corpus: Corpus, mounted: Platform, answers: dict[int, dict[str, Any]]) -> list[Judged]:
    """Give what was run again of every finished run, beside what its page says."""
    finished = [case for case in corpus.cases if case.finished]
    pages = mounted.inside('failed_on_the_page', own_rows.address, run_ids=[case.id for case in finished])
    return [Judged(case, set(failed), set(own_rows.values('customized_test', 'regression_id',
                                                          test_id=answers[case.id].get('new_run_id'))),
                   answers[case.id])
            for case, (_, failed) in zip(finished, pages, strict=True)]


def active(corpus: Corpus, test_ids: set[int]) -> set[int]:
    """Leave the inactive tests out."""
    return {test_id for test_id in test_ids if corpus.tests[test_id].active}


def overlooked(corpus: Corpus, case: Case) -> Iterator[int]:
    """Give the tests of a run that did not pass, whatever the page shows: no result, no exit code, or no output."""
    if case.chosen is None:
        to_run = {test.id for test in corpus.tests.values() if test.active} | set(case.ends)
    else:
        to_run = set(case.chosen)
    for test_id in to_run:
        end = ENDS[case.ends.get(test_id, 'never ran')]
        if end is None or end[0] is None or any(
                output.ignore is not True and case.files.get((test_id, output.id), 'missing') == 'missing'
                for output in corpus.tests[test_id].outputs):
            yield test_id


def test_the_runs_are_of_every_mixture(corpus: Corpus) -> None:
    finished = [case for case in corpus.cases if case.finished]
    assert {case.stage for case in corpus.cases} == set(STAGES)
    assert {case.chosen is None for case in finished} == {True, False}
    assert any(case.chosen and len(case.chosen) > len(set(case.chosen)) for case in finished)
    assert {(case.ends[test_id], file, output.ignore)
            for case in finished for (test_id, output_id), file in case.files.items()
            for output in corpus.tests[test_id].outputs if output.id == output_id
            } == set(product(ENDS, FILES, IGNORED))


def test_every_test_that_the_page_shows_as_failed_is_run_again(corpus: Corpus, judged: list[Judged]) -> None:
    assert any(one.failed_on_the_page for one in judged)
    assert {one.case.id: active(corpus, one.failed_on_the_page) - one.run_again for one in judged} == {
        one.case.id: set() for one in judged}


def test_nothing_else_is_run_again_but_what_the_page_overlooks(corpus: Corpus, judged: list[Judged]) -> None:
    assert any(one.run_again - one.failed_on_the_page for one in judged)
    assert {one.case.id: one.run_again for one in judged} == {
        one.case.id: active(corpus, one.failed_on_the_page.union(overlooked(corpus, one.case))) for one in judged}


def test_no_run_is_made_of_one_that_has_nothing_to_run_again(own_rows: Rows, judged: list[Judged]) -> None:
    refused = [one for one in judged if not one.run_again]
    assert refused
    assert {one.answer.get('error') for one in refused} == {'Unprocessable'}
    assert not set(own_rows.values('run_retry', 'source_test_id')) & {one.case.id for one in refused}


def test_no_run_is_made_of_one_that_has_not_finished(own_rows: Rows, corpus: Corpus,
                                                     answers: dict[int, dict[str, Any]]) -> None:
    unfinished = [case for case in corpus.cases if not case.finished]
    assert unfinished
    assert {case.id: answers[case.id] for case in unfinished} == {
        case.id: {'error': 'Unprocessable', 'code': 'unprocessable', 'details': {'run_status': case.stage}}
        for case in unfinished}
    assert not set(own_rows.values('run_retry', 'source_test_id')) & {case.id for case in unfinished}
