"""``flask runs-api`` (docs/python-and-command-line.rst, "The command line"). More: test_verdict, test_carry_over."""

import json
import re

import pytest
import seed
from mod_auth.models import User
from support.api import ApiCall, Command
from support.rows import RetryRow, Rows, add_retries

# A command has a session of its own, and so a connection of its own.
pytestmark = pytest.mark.on_file


def test_a_retry_prints_the_new_run_and_has_an_option_for_each_argument_of_retry_run(
        command: Command, run_id: int, alice: User, rows: Rows) -> None:
    arguments = ['retry', run_id, '--failed-only', '--reason', 'flaky \U0001f480', '--as', 'alice', '--key', 'k']

    assert command('retry', run_id).output == f'{run_id + 1}\n'
    assert command(*arguments).output == f'{run_id + 2}\n'
    assert command('retry', 'abc').exit_code == 2
    assert json.loads(command(*arguments, '--json').output) == {
        'run_id': run_id, 'new_run_id': run_id + 2, 'tests': 2, 'replayed': True}
    assert rows.retries == [RetryRow(run_id + 1, run_id, run_id, False, None, None, 3),
                            RetryRow(run_id + 2, run_id, run_id, True, 'flaky \U0001f480', alice.id, 2)]


@pytest.mark.parametrize(('arguments', 'message'), [
    (['retry', '99'], 'Run 99 not found. {"resource": "run", "id": 99}'),
    (['retry', '1', '--as', 'nobody'], '{"fields": {"requested_by": ["There is no such user."]}}'),
    (['retry', '1', '--reason', 'x' * 256], 'Longer than maximum length 255.'),
    (['attempts', '99'], 'Run 99 not found.'), (['verdict', '99'], 'Run 99 not found.'),
    (['carry-over', '99'], 'Run 99 not found.')])
def test_a_refusal_exits_with_1_and_is_json_if_asked_for(
        command: Command, run_id: int, rows: Rows, arguments: list[str], message: str) -> None:
    result = command(*arguments)

    assert (result.exit_code, result.stdout) == (1, '')
    assert message in result.stderr
    if arguments[0] == 'retry':
        as_json = command(*arguments, '--json')
        assert (as_json.exit_code, as_json.stderr) == (1, '')
        assert json.loads(as_json.stdout).keys() == {'code', 'message', 'details'}
    assert rows.retries == []


def test_attempts_are_listed_one_a_line_or_as_json_lines(
        command: Command, attempts: ApiCall, run_id: int, alice: User) -> None:
    command('retry', run_id, '--failed-only', '--reason', 'two\nlines\t\U0001f480', '--as', 'alice')
    command('retry', run_id + 1)

    result, as_json = command('attempts', run_id), command('attempts', run_id, '--json')

    assert (result.exit_code, as_json.exit_code) == (0, 0)
    first, second, third = result.output.splitlines()
    time = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ'
    assert first == f'1\t{run_id}\t-\tfail\t2\t0\t0\t3\t-\t-\t-\t-\t-\t-\t-\t-'
    assert re.fullmatch(rf'2\t2\t{run_id}\tqueued\t0\t2\t0\t2\tfailed\talice\t{time}\t'
                        r'"two\\nlines\\t\U0001f480"\t-\t-\t-\t-', second)
    assert re.fullmatch(rf'3\t3\t2\tqueued\t0\t3\t0\t3\tall\t-\t{time}\t-\t-\t-\t-\t-', third)
    assert [json.loads(line) for line in as_json.output.splitlines()] == attempts(run_id).json['data']


def test_all_attempts_are_listed_however_many(command: Command) -> None:
    root_id, *retries = seed.bulk_runs(201, 1)
    add_retries(root_id, retries)

    lines = command('attempts', root_id).output.splitlines()

    assert [line.split('\t')[:2] for line in lines] == [
        [str(number), str(run_id)] for number, run_id in enumerate([root_id, *retries], 1)]
