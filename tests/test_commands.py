"""``flask runs-api`` (docs/python-and-command-line.rst, "The command line")."""

import json
import re
from inspect import signature

import pytest
import seed
from database import db
from sqlalchemy import Engine, text
from support.api import AWAY, read_lines
from support.changes import delete_run
from support.executions import FAIL, PASS
from support.histories import add_attempts, retry_in_process
from support.rows import RetryRow
from support.statements import before_statements, fail

from mod_runs_api import cli, retry_run

#: Every command, as it is called for a run, and for many of them.
OF_A_RUN = ['retry', 'retry --dry-run', 'carry-over']
OF_MANY = ['sweep', 'sweep --dry-run', 'causes', 'flaky']
JSON = pytest.mark.parametrize('options', [[], ['--json']], ids=['text', 'json'])


def error_of(result):
    """Return the message of the error that a command has printed: as JSON, or as a line that details may follow."""
    if result.stdout:
        return str(json.loads(result.stdout)['message'])
    line, = [line for line in result.stderr.splitlines() if line.startswith('Error: ')]
    return line.removeprefix('Error: ').partition(' {')[0]


# The commands


def test_a_retry_has_an_option_for_each_argument_of_retry_run():
    names = {parameter.name for parameter in cli.retry_command.params}

    assert names == {*signature(retry_run).parameters, 'dry_run', 'as_json'}


def test_a_retry_prints_the_new_run(command, run_id, alice, rows):
    arguments = ['retry', run_id, '--failed-only', '--reason', 'flaky \U0001f480', '--as', 'alice', '--key', 'k']

    assert command('retry', run_id).output == f'{run_id + 1}\n'
    assert command(*arguments).output == f'{run_id + 2}\n'
    assert json.loads(command(*arguments, '--json').output) == {
        'run_id': run_id, 'new_run_id': run_id + 2, 'tests': 2, 'replayed': True}
    assert rows.retries == [RetryRow(run_id + 1, run_id, run_id, False, None, None, 3),
                            RetryRow(run_id + 2, run_id, run_id, True, 'flaky \U0001f480', alice.id, 2)]


def test_flaky_lists_the_tests_that_were_flaky_in_the_last_runs_that_were_retried(command, rows):
    old, new = add_attempts([FAIL, PASS], [FAIL, FAIL]), add_attempts([PASS, FAIL])
    seed.bulk_runs(1, 1)
    # A root run, and the newest attempt of another.
    delete_run(new[0])
    delete_run(retry_in_process(old[0]))
    before = rows.snapshot()

    line, = read_lines(command('flaky'), cli.FLAKY_COLUMNS)

    assert (line['TEST'], line['FLAKY'], line['RETRIED'], line['LAST RUN']) == ('1', '1', '1', str(old[0]))
    assert json.loads(command('flaky', '--json', '--last', 1).output) == {'runs': 1, 'tests': []}
    assert json.loads(command('flaky', '--json').output) == {'runs': 2, 'tests': [
        {'regression_test_id': 1, 'command': '-out=srt -latin1', 'flaky': 1, 'retried': 1, 'last_run_id': old[0]}]}
    assert rows.snapshot() == before


def test_a_person_reads_headings_and_a_sentence_in_the_place_of_an_empty_list(command, monkeypatch):
    monkeypatch.setattr('mod_runs_api.terminal.is_terminal', lambda: True)
    run_id, = add_attempts([PASS])

    for arguments, columns in ((['carry-over', run_id], cli.CARRY_OVER_COLUMNS), (['causes'], cli.CAUSE_COLUMNS)):
        head = command(*arguments).output.splitlines()[0]
        assert re.split('  +', head) == list(columns)
    for name, sentence in (('sweep', 'There is nothing to do.\n'),
                           ('flaky', 'No test was flaky in 0 runs with retries.\n')):
        assert command(name).output == sentence


def test_the_list_of_the_commands_says_that_a_sweep_carries_over_and_starts_retries(command):
    line, = [line for line in command('--help').output.splitlines() if line.startswith('  sweep ')]

    assert line.split(maxsplit=1)[1] == 'Carry results over into retries, and start automatic retries.'


# Exit codes


@JSON
def test_an_unknown_run_exits_with_4(command, options):
    for name in OF_A_RUN:
        result = command(*name.split(), 99, *options)

        assert (result.exit_code, error_of(result)) == (4, 'Run 99 not found.'), name


@JSON
@pytest.mark.parametrize(('arguments', 'message'), [
    (['--as', 'nobody'], 'The request has invalid fields.'),
    (['--reason', 'x' * 256], 'The request has invalid fields.'),
    (['--failed-only'], 'No test of run 1 failed: there is nothing to run again.')])
def test_an_invalid_value_and_a_refusal_exit_with_5(command, rows, arguments, message, options):
    run_id, = add_attempts([PASS])

    result = command('retry', run_id, *arguments, *options)

    assert (result.exit_code, error_of(result)) == (5, message)
    assert rows.retries == []


@pytest.mark.parametrize('arguments', ['retry', 'retry abc', 'sweep 1', 'causes --last 0', 'flaky --last x', 'swep'])
def test_a_wrong_command_exits_with_2(command, arguments):
    assert command(*arguments.split()).exit_code == 2


@JSON
def test_a_database_that_is_away_exits_with_3(command, options):
    for name in (*(f'{name} 1' for name in OF_A_RUN), *OF_MANY):
        with before_statements(Engine, '', fail):
            result = command(*name.split(), *options)

        assert (result.exit_code, error_of(result)) == (3, AWAY), name


@JSON
def test_ctrl_c_exits_with_10(command, options):
    def interrupt(*_):
        raise KeyboardInterrupt

    with before_statements(Engine, '', interrupt):
        result = command('sweep', *options)

    assert (result.exit_code, result.stdout, result.stderr) == (10, '', 'Aborted!\n')


def test_an_error_that_waiting_cannot_fix_exits_with_10_and_the_message_of_the_server(command, retry, run_id):
    db.session.execute(text('ALTER TABLE run_retry DROP COLUMN reason'))

    result, as_json = command('retry', run_id), command('retry', run_id, '--json')

    assert (result.exit_code, as_json.exit_code) == (10, 10)
    assert result.stdout == ''
    for each in (result, as_json):
        assert "The server said: OperationalError 'no such column: run_retry.reason'\n" in each.stderr
    assert (json.loads(as_json.stdout), 500) == (retry(run_id).json, retry(run_id).status_code)


def test_a_fault_of_the_package_exits_with_10(command, run_id, monkeypatch):
    monkeypatch.setattr(cli, 'carry_over', lambda db, run_id: {1: run_id}[run_id + 1])

    result = command('carry-over', run_id)

    assert (result.exit_code, error_of(result)) == (10, 'An unexpected error occurred.')
    assert 'The server said: KeyError\n' in result.stderr


@pytest.mark.parametrize('settings', [{'RUNS_API_CHECKS': True}])
def test_the_message_of_an_error_has_no_control_characters(command, tests):
    old, _ = (seed.run(tests, branch='fix\n\x9b2J\u202e', commit=commit).id for commit in ('c0ffee', '0ff'))

    assert r'another commit of branch fix\n\x9b2J\u202e, is newer.' in error_of(command('retry', old))
