"""``flask runs-api retry`` and ``family``, for the operator on the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import seed
from click.testing import Result
from database import db
from flask import Flask
from mod_auth.models import User
from mod_test.models import Test
from sqlalchemy.exc import OperationalError
from support.rows import Rows

from mod_runs_api import retry, transaction

Run = Callable[..., Result]


@pytest.fixture
def flask(on_file: Flask) -> Run:
    """Run a command: ``flask('retry', '5')``."""
    def run(*arguments: object) -> Result:
        return on_file.test_cli_runner().invoke(args=['runs-api', *map(str, arguments)])

    return run


@pytest.fixture
def stored(on_file: Flask) -> Rows:
    """Look into the database."""
    return Rows(db.engine)


@pytest.fixture
def olga(on_file: Flask) -> User:
    """Give a person."""
    return seed.user('olga')


@pytest.fixture
def source(olga: User) -> Test:
    """Give a completed run of two tests, of which one failed."""
    tests = [seed.regression_test() for _ in range(2)]
    source = seed.run(tests, stages=seed.COMPLETED)
    seed.result(source, tests[0])
    db.session.commit()
    return source


def test_a_retry_prints_the_new_run(flask: Run, source: Test, stored: Rows) -> None:
    result = flask('retry', source.id)

    assert (result.exit_code, result.output) == (0, f'{source.id + 1}\n')
    assert stored.selection(source.id + 1) == stored.selection(source.id)


def test_a_retry_takes_all_that_retry_run_takes(flask: Run, source: Test, olga: User, stored: Rows) -> None:
    arguments = ['retry', source.id, '--failed-only', '--reason', 'flaky \U0001f480', '--as', 'olga', '--key', 'k']

    assert flask(*arguments).output == flask(*arguments).output == f'{source.id + 1}\n'

    row, = stored.of('run_retry')
    assert (row['failed_only'], row['reason'].decode(), row['user_id'], row['test_count']) == (
        1, 'flaky \U0001f480', olga.id, 1)


def test_a_retry_prints_json(flask: Run, source: Test) -> None:
    result = flask('retry', source.id, '--json')

    assert json.loads(result.output) == {
        'run_id': source.id, 'new_run_id': source.id + 1, 'tests': 2, 'replayed': False}


@pytest.mark.parametrize(('arguments', 'said'), [
    (['99'], 'Run 99 not found.'),
    (['1', '--as', 'nobody'], '{"fields": {"requested_by": ["There is no such person."]}}'),
    (['1', '--reason', 'x' * 256], 'Longer than maximum length 255.')])
def test_a_refusal_exits_with_1(flask: Run, source: Test, stored: Rows, arguments: list[str], said: str) -> None:
    result = flask('retry', *arguments)

    assert result.exit_code == 1
    assert result.stdout == ''
    assert said in result.stderr
    assert stored.of('run_retry') == []


def test_a_refusal_is_json_too(flask: Run, source: Test) -> None:
    result = flask('retry', 99, '--json')

    assert result.exit_code == 1
    assert json.loads(result.output) == {
        'code': 'not_found', 'message': 'Run 99 not found.', 'details': {'resource': 'run', 'id': 99}}


def test_a_database_that_is_away_exits_with_3(
        flask: Run, source: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError('SELECT 1', {}, Exception('away'))

    monkeypatch.setattr(retry, 'create', fail)
    monkeypatch.setattr(transaction.time, 'sleep', lambda _: None)  # type: ignore[attr-defined]

    assert flask('retry', source.id).exit_code == 3


@pytest.mark.parametrize('arguments', [['retry'], ['retry', 'abc'], ['retry', '1', '--no'], ['attempts', '1.5']])
def test_a_wrong_command_exits_with_2(flask: Run, arguments: list[str]) -> None:
    assert flask(*arguments).exit_code == 2


def test_a_family_is_listed_a_run_a_line(flask: Run, source: Test) -> None:
    flask('retry', source.id, '--failed-only', '--reason', 'two\nlines\t\U0001f480', '--as', 'olga')
    flask('retry', source.id + 1)

    result = flask('attempts', source.id)

    assert result.exit_code == 0
    first, second, third = result.output.splitlines()
    assert first == '1\t-\t1\t-\t-\t-\t-'
    assert re.fullmatch(r'2\t1\t2\tfailed\tolga\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t"two\\nlines\\t\U0001f480"', second)
    assert re.fullmatch(r'3\t2\t3\tall\t-\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t-', third)


def test_a_family_is_json_as_the_api_has_it(flask: Run, source: Test) -> None:
    assert json.loads(flask('attempts', source.id, '--json').output) == {
        'run_id': source.id, 'root_run_id': source.id, 'attempts': [
            {'run_id': source.id, 'source_run_id': None, 'attempt': 1, 'failed_only': None, 'reason': None,
             'requested_by': None, 'created_at': None}]}


def test_a_run_without_a_family_exits_with_1(flask: Run, source: Test) -> None:
    assert flask('attempts', 99).exit_code == 1
