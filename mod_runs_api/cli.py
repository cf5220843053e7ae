"""The command line: ``flask runs-api`` (docs/python-and-command-line.rst)."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from operator import itemgetter
from typing import Any

import click
from flask.cli import with_appcontext

from .api.schemas import RetryPreviewSchema
from .database.faults import log_fault
from .domain.preview import Preview
from .domain.sentences import counted
from .domain.sweep import Step
from .errors import InternalError, RunsApiError
from .extension import extension_state
from .service.carry_over import carry_over
from .service.conditions import policy_for_person
from .service.preview import preview_retry
from .service.retry import build_request, create_retry, find_earlier_retry
from .service.statistics import count_causes, list_flaky
from .service.sweep import Sweep
from .terminal import (EXIT_CODES, Columns, escape, print_json, print_line,
                       print_list)


def command(name: str, *, json_help: str = 'Print JSON.') -> Callable[[Callable[..., None]], click.Command]:
    """Return the decorator of a command. The function gets ``as_json``, and its errors become exit codes."""
    def decorate(function: Callable[..., None]) -> click.Command:
        @click.command(name)
        @click.option('--json', 'as_json', is_flag=True, help=json_help)
        @with_appcontext
        @wraps(function)
        def run(as_json: bool, **arguments: Any) -> None:
            with exit_on_error(as_json):
                function(as_json=as_json, **arguments)
        return run
    return decorate


@contextmanager
def exit_on_error(as_json: bool) -> Iterator[None]:
    """Print why a command failed, as JSON if requested, and exit with the fitting code."""
    try:
        yield
    except KeyboardInterrupt:
        # Click would exit with 1, as if the application could not be imported.
        print_line('Aborted!', is_error=True)
        raise SystemExit(EXIT_CODES['internal_error']) from None
    except Exception as fault:
        error = fault if isinstance(fault, RunsApiError) else log_fault(fault)
        _print_error(error, as_json)
        raise SystemExit(EXIT_CODES[error.code]) from None


def _print_error(error: RunsApiError, as_json: bool) -> None:
    if as_json:
        print_json(error.to_json())
    else:
        details = f' {json.dumps(error.details)}' if error.details else ''
        print_line(f'Error: {escape(error.message)}{details}', is_error=True)
    if isinstance(error, InternalError):
        print_line(f'The server said: {escape(error.fault)}', is_error=True)


@command('retry', json_help='Print JSON, errors too.')
@click.argument('run_id', type=int)
@click.option('--failed-only', is_flag=True, help='Run only the tests that did not pass.')
@click.option('--reason', metavar='TEXT', help='Why: at most 255 characters.')
@click.option('--as', 'requested_by', metavar='NAME', help='The user of the platform who requests it.')
@click.option('--key', 'idempotency_key', metavar='KEY', help='An idempotency key: the same one creates one run.')
@click.option('--dry-run', is_flag=True, help='Create nothing, and print the tests that would be run.')
def retry_command(run_id: int, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Retry the run RUN_ID, and print the id of the new run."""
    state = extension_state()
    request = build_request(state.transactions, run_id, **options)
    if dry_run:
        # A key that was used has its retry already.
        retry = state.transactions.run(find_earlier_retry, request)
        if retry is None:
            _print_preview(preview_retry(state, run_id), request.failed_only, as_json)
            return
    else:
        retry = create_retry(state, request, policy_for_person(state.settings))
    if as_json:
        print_json({'run_id': retry.run_id, 'new_run_id': retry.new_run_id, 'tests': retry.test_count,
                    'replayed': retry.replayed})
    else:
        print_line(str(retry.new_run_id))


def _print_preview(preview: Preview, failed_only: bool, as_json: bool) -> None:
    """Print the tests of a retry, as JSON both kinds. Fails as the retry would."""
    option = preview.failed_only if failed_only else preview.all
    if as_json:
        print_json(RetryPreviewSchema().dump(preview))
        if option.refusal:
            raise SystemExit(EXIT_CODES[option.refusal.code])
    elif option.refusal:
        raise option.refusal
    else:
        cells = [counted(option.test_count, 'test'), _join(option.regression_test_ids)]
        if option.hint is not None:
            cells.append(option.hint)
        if option.inactive_ids:
            cells.append(f'without inactive tests {_join(option.inactive_ids)}')
        print_line('\t'.join(cells))


def _join(ids: Iterable[int]) -> str:
    return ' '.join(map(str, ids))


CARRY_OVER_COLUMNS: Columns = {
    'RUN': itemgetter('run_id'),
    'RESULTS': itemgetter('results')}


@command('carry-over', json_help='Print JSON lines.')
@click.argument('run_id', type=int)
def carry_over_command(run_id: int, as_json: bool) -> None:
    """
    Carry results over into the failed-only retry RUN_ID. It may be repeated.

    Prints the run and the number of results. The sweep does the same for the retries of the last two days.
    """
    count = extension_state().transactions.run(carry_over, run_id)
    print_list([{'run_id': run_id, 'results': count}], CARRY_OVER_COLUMNS, as_json=as_json)


STEP_COLUMNS: Columns = {
    'RUN': itemgetter('run_id'),
    'STEP': itemgetter('what'),
    'NEW RUN': itemgetter('new_run_id'),
    'WHY': itemgetter('why')}


@command('sweep', json_help='Print JSON lines.')
@click.option('--dry-run', is_flag=True, help='Write nothing, and print the steps that would be taken.')
def sweep_command(dry_run: bool, as_json: bool) -> None:
    """
    Carry results over into retries, and start automatic retries.

    Results are carried over into failed-only retries. Automatic retries start only if they are switched on. Prints a
    line for each run that the sweep changed, or would have changed but for a reason. For the crontab.
    """
    sweep = Sweep(extension_state())
    plan = sweep.plan()
    steps = plan.steps if dry_run else sweep.take(plan)
    print_list(map(_to_row, steps), STEP_COLUMNS, empty='There is nothing to do.', as_json=as_json)


def _to_row(step: Step) -> dict[str, Any]:
    return {'run_id': step.run_id, 'what': step.kind, 'new_run_id': step.new_run_id, 'why': step.why}


CAUSE_COLUMNS: Columns = {
    'KIND': itemgetter('kind'),
    'RUNS': itemgetter('count'),
    'MESSAGE': itemgetter('detail')}


@command('causes')
@click.option('--last', type=click.IntRange(min=1), default=200, show_default=True, metavar='N',
              help='How many runs are looked at.')
def causes_command(last: int, as_json: bool) -> None:
    """
    Count the causes of the last N runs that have ended.

    Prints the number of all runs, of whole ones (with a result for every test), and of those with each cause. Then it
    prints each message with its number, the most frequent first. It only reads, and works before the first retry.
    """
    counts = count_causes(extension_state().transactions, last)
    if as_json:
        details = [{'cause': cause.name, 'detail': cause.detail, 'count': count} for cause, count in counts.details]
        print_json({'runs': counts.runs, 'whole': counts.whole, 'causes': counts.by_name, 'details': details})
    else:
        totals = [('all', counts.runs), ('whole', counts.whole), *counts.by_name.items()]
        print_list([*({'kind': name, 'count': count, 'detail': None} for name, count in totals),
                    *({'kind': cause.name, 'count': count, 'detail': cause.detail} for cause, count in counts.details)],
                   CAUSE_COLUMNS)


FLAKY_COLUMNS: Columns = {
    'TEST': itemgetter('regression_test_id'),
    'FLAKY': itemgetter('flaky'),
    'RETRIED': itemgetter('retried'),
    'LAST RUN': itemgetter('last_run_id'),
    'COMMAND': itemgetter('command')}


@command('flaky')
@click.option('--last', type=click.IntRange(min=1), default=100, show_default=True, metavar='N',
              help='How many root runs with retries are looked at.')
def flaky_command(last: int, as_json: bool) -> None:
    """
    Look at the N newest root runs with retries, and list their flaky tests, the most often flaky first.

    FLAKY is the number of these runs in which the test was flaky. RETRIED is the number in which it ran more than once.
    LAST RUN is the newest in which it was flaky. The command only reads.
    """
    flaky = list_flaky(extension_state().transactions, last)
    tests = [asdict(test) for test in flaky.tests]
    if as_json:
        print_json({'runs': flaky.runs, 'tests': tests})
    else:
        print_list(tests, FLAKY_COLUMNS, empty=f'No test was flaky in {counted(flaky.runs, "run")} with retries.')


COMMANDS = (retry_command, carry_over_command, sweep_command, causes_command, flaky_command)
