"""What README and docs say that can be checked without a platform. What they tell people to type: tests/on_platform."""

import re
from itertools import product
from xml.etree import ElementTree

import seed
from mod_test.models import TestStatus
from support.documents import PAGES, ROOT, read_table
from support.histories import end, judge_in_process, report
from support.histories import retry_in_process as retry

from mod_runs_api.domain.attempts import derive_status
from mod_runs_api.domain.outcomes import Outcome


def test_every_link_to_a_file_leads_to_one():
    links = {(page, ''.join(link)) for page in PAGES
             for link in re.findall(r'<([\w./-]+\.rst)(?:#[\w-]+)?>`_|:: (\S+\.(?:png|svg))', page.read_text())}

    assert links
    assert [(page, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_every_path_that_is_named_is_there():
    paths = {(page, path) for page in PAGES
             for path in re.findall(r'``((?:docs|mod_runs_api|patches|tests)/[\w./-]*)``', page.read_text())}

    assert paths
    assert [(page, path) for page, path in paths if not (ROOT / path).exists()] == []


def test_every_page_and_section_that_the_code_names_is_there():
    code = ''.join(path.read_text() for folder in ('mod_runs_api', 'tests')
                   for path in (ROOT / folder).rglob('*.py'))
    named = set(re.findall(r'\b(docs/[\w/-]+\.rst)(?:,\s+"([^"]+)")?', code))

    assert named
    assert [(page, section) for page, section in sorted(named) if not re.search(
        rf'^{" ".join(section.split())}\n[=~-]+$' if section else '', (ROOT / page).read_text(), re.MULTILINE)] == []


def test_every_patch_is_offered_with_the_command_that_applies_it():
    commands = re.findall(r'\$ git am (?:--keep-non-patch )?\S*/(patches/\S+\.patch)$',
                          ''.join(page.read_text() for page in PAGES), re.MULTILINE)

    offered = [path for command in commands for path in ROOT.glob(command)]
    assert offered and sorted(offered) == sorted(ROOT.glob('patches/*/*.patch'))


def test_the_picture_of_a_run_has_each_state_that_a_run_can_be_in():
    texts = ElementTree.parse(ROOT / 'docs/images/run.svg').iter('{http://www.w3.org/2000/svg}text')

    outcomes: list[Outcome] = ['pass', 'fail', 'not_run']
    assert {text.text for text in texts if text.get('class') == 'state'} == {
        derive_status(stage and stage.value, [outcome]) for stage, outcome in product([None, *TestStatus], outcomes)}


def read_numbers(cell):
    """Return the numbers that a cell of the example names: "1 to 3, 5"."""
    return [number for first, last in re.findall(r'(\d+)(?: to (\d+))?', cell)
            for number in range(int(first), int(last or first) + 1)]


def read_origins(cell):
    """Return the run by test that a cell names: "1 to 7 from run 42, 8 from run 57"."""
    return {number: int(run) for tests, run in re.findall(r'([^,]+?) from run (\d+)', cell)
            for number in read_numbers(tests)}


def test_the_example_of_four_attempts_happens_as_it_is_told(rows, attempts):
    tests = dict(enumerate(seed.regression_tests(10), 1))
    told = read_table('docs/concepts.rst', 'run')
    runs: dict[int, int] = {}
    for row in told:
        is_root = row['retry of'] == 'none'
        run_id = (seed.run([*tests.values()]).id if is_root
                  else retry(runs[int(row['retry of'])], failed_only=True))
        seed.db.session.commit()
        runs[int(row['run'])] = run_id
        to_run, passing = (read_numbers(row[column]) for column in ('tests it runs', 'tests that pass'))
        assert rows.selection(run_id) == [tests[number].id for number in to_run]
        is_canceled = row['status'] == 'canceled'
        # The machine is lost before the last test.
        done = to_run[:-1] if is_canceled else to_run
        report(run_id, [tests[number] for number in done],
               failed=[tests[number] for number in done if number not in passing])
        end(run_id, TestStatus.canceled if is_canceled else TestStatus.completed)

        assert rows.carried_over(run_id) == {
            tests[number].id: runs[origin] for number, origin in read_origins(row['carried over']).items()}

    listed = attempts(runs[42]).json['data']
    assert [(attempt['run_id'], attempt['status']) for attempt in listed] == [
        (runs[int(row['run'])], row['status']) for row in told]
    assert judge_in_process(runs[42]).sentence in (ROOT / 'docs/concepts.rst').read_text()
