"""``flask runs-api retry`` and ``flask runs-api attempts`` (contract section 2)."""

from __future__ import annotations

import json
import re

import pytest
import seed
from mod_auth.models import User
from sqlalchemy.exc import OperationalError
from support.api import ApiCall, Command
from support.retries import add_retries
from support.rows import Rows

from mod_runs_api import service, transaction

# A command has a session of its own, and so a connection of its own.
pytestmark = pytest.mark.on_file


def test_a_retry_prints_the_new_run(command: Command, run_id: int, rows: Rows) -> None:
    result = command('retry', run_id)

    assert (result.exit_code, result.output) == (0, f'{run_id + 1}\n')
    assert rows.selection(run_id + 1) == rows.selection(run_id)


def test_a_retry_has_an_option_for_each_argument_of_retry_run(
        command: Command, run_id: int, alice: User, rows: Rows) -> None:
    arguments = ['retry', run_id, '--failed-only', '--reason', 'flaky \U0001f480', '--as', 'alice', '--key', 'k']

    assert command(*arguments).output == command(*arguments).output == f'{run_id + 1}\n'

    row, = rows.of('run_retry')
    assert (row['failed_only'], row['reason'].decode(), row['user_id'], row['test_count']) == (
        1, 'flaky \U0001f480', alice.id, 2)


def test_a_retry_prints_json_if_asked_to(command: Command, run_id: int) -> None:
    result = command('retry', run_id, '--json')

    assert json.loads(result.output) == {
        'run_id': run_id, 'new_run_id': run_id + 1, 'tests': 3, 'replayed': False}


@pytest.mark.parametrize(('arguments', 'message'), [
    (['99'], 'Run 99 not found.'),
    (['1', '--as', 'nobody'], '{"fields": {"requested_by": ["There is no such user."]}}'),
    (['1', '--reason', 'x' * 256], 'Longer than maximum length 255.')])
def test_a_refused_retry_exits_with_1(
        command: Command, run_id: int, rows: Rows, arguments: list[str], message: str) -> None:
    result = command('retry', *arguments)

    assert result.exit_code == 1
    assert result.stdout == ''
    assert message in result.stderr
    assert rows.of('run_retry') == []


def test_a_refusal_is_json_too_if_asked_for(command: Command) -> None:
    result = command('retry', 99, '--json')

    assert result.exit_code == 1
    assert json.loads(result.output) == {
        'code': 'not_found', 'message': 'Run 99 not found.', 'details': {'resource': 'run', 'id': 99}}


def test_a_database_that_is_away_exits_with_3(
        command: Command, run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError('SELECT 1', {}, Exception('away'))

    monkeypatch.setattr(service, 'create_retry', fail)
    monkeypatch.setattr(transaction.time, 'sleep', lambda _: None)  # type: ignore[attr-defined]

    assert command('retry', run_id).exit_code == 3


@pytest.mark.parametrize('arguments', [['retry'], ['retry', 'abc'], ['retry', '1', '--no'], ['attempts', '1.5']])
def test_a_wrong_command_exits_with_2(command: Command, arguments: list[str]) -> None:
    assert command(*arguments).exit_code == 2


def test_attempts_are_listed_one_a_line(command: Command, run_id: int, alice: User) -> None:
    command('retry', run_id, '--failed-only', '--reason', 'two\nlines\t\U0001f480', '--as', 'alice')
    command('retry', run_id + 1)

    result = command('attempts', run_id)

    assert result.exit_code == 0
    first, second, third = result.output.splitlines()
    time = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ'
    assert first == f'1\t{run_id}\t-\tfail\t2\t0\t0\t3\t-\t-\t-\t-'
    assert re.fullmatch(rf'2\t2\t{run_id}\tqueued\t0\t2\t0\t2\tfailed\talice\t{time}\t'
                        r'"two\\nlines\\t\U0001f480"', second)
    assert re.fullmatch(rf'3\t3\t2\tqueued\t0\t3\t0\t3\tall\t-\t{time}\t-', third)


def test_attempts_are_json_lines_if_asked_for(command: Command, attempts: ApiCall, run_id: int) -> None:
    command('retry', run_id, '--failed-only', '--reason', 'flaky \U0001f480')

    result = command('attempts', run_id, '--json')

    assert [json.loads(line) for line in result.output.splitlines()] == attempts(run_id).json['data']


def test_all_attempts_are_listed_however_many(command: Command) -> None:
    root_id, *retries = seed.bulk_runs(201, 1)
    add_retries(root_id, retries)

    lines = command('attempts', root_id).output.splitlines()

    assert [line.split('\t')[:2] for line in lines] == [
        [str(number), str(run_id)] for number, run_id in enumerate([root_id, *retries], 1)]


def test_the_attempts_of_no_run_exit_with_1(command: Command) -> None:
    assert command('attempts', 99).exit_code == 1
