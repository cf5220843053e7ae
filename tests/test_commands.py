"""``flask runs-api`` (docs/python-and-command-line.rst, "The command line"). More: test_verdict, test_carry_over."""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import seed
from database import db
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestStatus
from sqlalchemy import text
from support.api import ApiCall, Command
from support.histories import FAIL, PASS, add_attempts, finish, retry_in_process
from support.rows import RetryRow, Rows, add_retries, delete_run

from mod_runs_api import ServiceUnavailable
from mod_runs_api.domain.sweep import Step

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


def test_on_a_terminal_lists_are_tables_with_a_head(
        command: Command, tests: list[RegressionTest], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mod_runs_api.terminal.sys', SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    first = finish(seed.run(tests, built_commit='1a2b').id, tests, failed=tests[:2])
    finish(retry_in_process(first, failed_only=True, reason='flaky VM', requested_by=seed.user()), tests[:2],
           failed=tests[:1])
    seed.progress(db.session.get_one(Test, first), TestStatus.canceled)

    assert re.sub(r'20\d\d-\d\d-\d\d \d\d:\d\d', '2026-11-24 13:00', command('attempts', first).output) == (
        'ATTEMPT  RUN  STATUS    FAILED  NOT RUN  CARRIED OVER  TESTS  BY     WHEN (UTC)        ENDED BY  REASON\n'
        '1        1    canceled  2       0        0             3      -      -                 -         -\n'
        '2        2    fail      1       0        1             3      alice  2026-11-24 13:00  -         flaky VM\n')
    assert command('verdict', first).output == (
        'TEST  VERDICT              OUTCOMES       COMMAND\n'
        '1     failing_identically  1:fail 2:fail  -out=srt -latin1\n'
        '2     flaky                1:fail 2:pass  -out=srt -latin1\n'
        'fail\tOver 2 attempts 1 test is flaky and 1 fails each time in the same way.\n')
    assert command('flaky').output == (
        'TEST  FLAKY  RETRIED  LAST RUN  COMMAND\n2     1      1        1         -out=srt -latin1\n')
    assert command('causes').output.splitlines()[:2] == ['CAUSE           RUNS', 'runs            2']
    assert command('sweep').output == ''


def test_a_sweep_that_breaks_off_says_at_a_terminal_what_it_has_done(
        command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def take_steps(*_: object) -> Iterator[Step]:
        yield Step(1, 'ended', 'It has vanished.')
        raise ServiceUnavailable

    monkeypatch.setattr('mod_runs_api.terminal.sys', SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr('mod_runs_api.cli.take_steps', take_steps)
    result = command('sweep')

    assert (result.exit_code, result.stdout) == (
        3, 'RUN  STEP   NEW RUN  WHY\n1    ended  -        It has vanished.\n')


def test_flaky_lists_the_tests_that_were_flaky_in_the_last_runs_that_were_retried(command: Command, rows: Rows) -> None:
    old, new = add_attempts([FAIL, PASS], [FAIL, FAIL]), add_attempts([PASS, FAIL])
    seed.bulk_runs(1, 1)
    delete_run(new[0])
    before = rows.snapshot()

    assert command('flaky').output == f'1\t1\t1\t{old[0]}\t-out=srt -latin1\n'
    assert json.loads(command('flaky', '--json', '--last', 1).output) == {'runs': 1, 'tests': []}
    assert json.loads(command('flaky', '--json').output) == {'runs': 2, 'tests': [
        {'regression_test_id': 1, 'command': '-out=srt -latin1', 'flaky': 1, 'retried': 1, 'last_run_id': old[0]}]}
    assert rows.snapshot() == before


def test_an_error_that_waiting_cannot_mend_exits_with_1_and_says_what_the_server_said(
        command: Command, attempts: ApiCall, run_id: int) -> None:
    db.session.execute(text('ALTER TABLE run_retry DROP COLUMN reason'))

    result, as_json = command('attempts', run_id), command('attempts', run_id, '--json')

    assert (result.exit_code, result.stdout) == (1, '')
    assert "The server said: OperationalError 'no such column: run_retry.reason'" in result.stderr
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (1, attempts(run_id).json)
    assert attempts(run_id) == 500
