"""The command line: ``flask runs-api`` (docs/python-and-command-line.rst)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext

from .api.schemas import AttemptSchema, PreviewSchema, TestVerdictSchema, VerdictMetaSchema
from .domain.attempts import Attempt
from .domain.preview import Preview
from .domain.run import SHOWN_LENGTH
from .domain.verdict import TestVerdict
from .domain.words import counted
from .errors import InternalError, RunsApiError, ServiceUnavailable
from .extension import extension_state
from .service.attempts import read_page
from .service.carry_over import carry_over, carry_over_missed
from .service.preview import preview_retry
from .service.retry import build_request, create_retry, find_earlier_retry
from .service.statistics import count_causes, list_flaky
from .service.sweep import plan_sweep, take_steps
from .service.verdict import read_verdict
from .terminal import print_list, to_cell

#: The exit codes of `verdict`.
EXIT_CODES = {'pass': 0, 'fail': 1, 'unstable': 4, 'pending': 5}


@click.command('retry')
@click.argument('run_id', type=int)
@click.option('--failed-only', is_flag=True, help='Run only the tests that did not pass.')
@click.option('--reason', metavar='TEXT', help='Why: at most 255 characters.')
@click.option('--as', 'requested_by', metavar='NAME', help='The user of the platform who asks for it.')
@click.option('--key', 'idempotency_key', metavar='KEY', help='An idempotency key: the same one creates one run.')
@click.option('--dry-run', is_flag=True, help='Create nothing, and print the tests that would be run.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON, errors too.')
@with_appcontext
def retry_command(run_id: int, dry_run: bool, as_json: bool, **options: Any) -> None:
    """
    Retry the run RUN_ID, and print the id of the new run.

    Exits with 0 if it is queued, 1 if it is refused, 2 if the command is wrong, and 3 if the database is away and it
    may be tried again.
    """
    with exit_on_error(as_json):
        state = extension_state()
        request = build_request(state.transactions, run_id, **options)
        # A key that was used has its retry already.
        retry = state.transactions.run(find_earlier_retry, request) if dry_run else create_retry(state, request)
        if retry is None:
            _print_preview(preview_retry(state, run_id), request.failed_only, as_json)
        else:
            click.echo(json.dumps({'run_id': retry.run_id, 'new_run_id': retry.new_run_id, 'tests': retry.test_count,
                                   'replayed': retry.replayed}) if as_json else retry.new_run_id)


def _print_preview(preview: Preview, failed_only: bool, as_json: bool) -> None:
    """Print the tests of a retry, as JSON both kinds. Fails as the retry would."""
    choice = preview.failed_only if failed_only else preview.all
    if as_json:
        click.echo(json.dumps(PreviewSchema().dump(preview)))
        if choice.refusal:
            raise SystemExit(1)
    elif choice.refusal:
        raise choice.refusal
    else:
        click.echo('\t'.join(filter(None, [counted(choice.test_count, 'test'),
                                           ' '.join(map(str, choice.regression_test_ids)), choice.hint])))


@click.command('attempts')
@click.argument('run_id', type=int)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON lines, one for each attempt.')
@with_appcontext
def attempts_command(run_id: int, as_json: bool) -> None:
    """
    List the attempts of the run RUN_ID.

    Off a terminal, the columns are: attempt, run, source, status, how many tests failed, did not run, were carried over
    and are there, "all" or "failed" tests, requester, time, reason, cause, its message, build, and other builds.
    """
    with exit_on_error(as_json):
        attempts = extension_state().transactions.run(read_page, run_id).attempts
    if as_json:
        for attempt in attempts:
            click.echo(json.dumps(AttemptSchema().dump(attempt)))
    else:
        print_list(attempts, {
            'ATTEMPT': lambda attempt: str(attempt.attempt),
            'RUN': lambda attempt: str(attempt.run_id),
            'STATUS': lambda attempt: attempt.status,
            'FAILED': lambda attempt: str(attempt.failed),
            'NOT RUN': lambda attempt: str(attempt.not_run),
            'CARRIED OVER': lambda attempt: str(attempt.carried_over),
            'TESTS': lambda attempt: str(attempt.tests),
            'BY': _requester,
            'WHEN (UTC)': lambda attempt: f'{attempt.created_at:%Y-%m-%d %H:%M}' if attempt.created_at else '-',
            'ENDED BY': lambda attempt: to_cell(attempt.cause_sentence),
            'REASON': lambda attempt: to_cell(attempt.reason)}, _attempt_line)


def _requester(attempt: Attempt) -> str:
    return 'automatic' if attempt.automatic else to_cell(attempt.requested_by)


def _attempt_line(attempt: Attempt) -> list[str]:
    return [str(attempt.attempt), str(attempt.run_id), str(attempt.source_run_id or '-'), attempt.status,
            str(attempt.failed), str(attempt.not_run), str(attempt.carried_over), str(attempt.tests),
            '-' if attempt.failed_only is None else 'failed' if attempt.failed_only else 'all', _requester(attempt),
            f'{attempt.created_at:%Y-%m-%dT%H:%M:%SZ}' if attempt.created_at else '-', to_cell(attempt.reason),
            attempt.cause or '-', to_cell(attempt.cause_detail),
            to_cell(attempt.built_commit_sha and attempt.built_commit_sha[:SHOWN_LENGTH]),
            to_cell(' '.join(f'{other.short}:{other.results}' for other in attempt.other_builds) or None)]


@click.command('verdict')
@click.argument('run_id', type=int)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON, with every test.')
@with_appcontext
def verdict_command(run_id: int, as_json: bool) -> None:
    """
    Print the verdicts that all attempts of the run RUN_ID prove together.

    A line for each test that did not pass in every attempt: its id, the verdict, and each attempt's run and outcome.
    Last the overall verdict. Exits with 0 for pass, 1 for fail (or if it is refused), 3 if the database is away,
    4 for unstable and 5 for pending.
    """
    with exit_on_error(as_json):
        found = extension_state().transactions.run(read_verdict, run_id)
    if as_json:
        click.echo(json.dumps({'data': TestVerdictSchema(many=True).dump(found.tests),
                               'meta': VerdictMetaSchema().dump(found)}))
    else:
        def outcomes(test: TestVerdict) -> list[str]:
            return [f'{attempt.run_id}:{attempt.outcome}' for attempt in test.attempts]

        print_list([test for test in found.tests if test.verdict != 'passed'], {
            'TEST': lambda test: str(test.regression_test_id),
            'VERDICT': lambda test: test.verdict,
            'OUTCOMES': lambda test: ' '.join(outcomes(test)),
            'COMMAND': lambda test: to_cell(test.command)},
            lambda test: [str(test.regression_test_id), test.verdict, *outcomes(test)])
        click.echo('\t'.join(filter(None, [found.overall, found.sentence])))
    raise SystemExit(EXIT_CODES[found.overall])


@click.command('carry-over')
@click.argument('run_id', type=int, required=False)
@with_appcontext
def carry_over_command(run_id: int | None) -> None:
    """Carry results over into the failed-only retry RUN_ID, or into all where that was missed. It may be repeated."""
    with exit_on_error():
        transactions = extension_state().transactions
        carried_over = (carry_over_missed(transactions) if run_id is None else
                        [(run_id, transactions.run(carry_over, run_id))])
        for found_id, count in carried_over:
            click.echo(f'{found_id}\t{count}')


@click.command('sweep')
@click.option('--dry-run', is_flag=True, help='Write nothing, and print the steps that would be taken.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON lines.')
@with_appcontext
def sweep_command(dry_run: bool, as_json: bool) -> None:
    """
    Carry over what was missed; end and retry what died by no fault of the code, if that is on. For the crontab.

    Prints a line for each run that it did something about, or would have but for a reason: the run, "carried over",
    "ended", "retried" or "waiting", the new run, and why. Exits with 3 if the database is away.
    """
    with exit_on_error(as_json):
        state = extension_state()
        plan = plan_sweep(state)
        steps = plan if dry_run else take_steps(state, plan)
        if as_json:
            for step in steps:
                click.echo(json.dumps({'run_id': step.run_id, 'what': step.what, 'new_run_id': step.new_run_id,
                                       'why': step.why}))
        else:
            print_list(steps, {
                'RUN': lambda step: str(step.run_id),
                'STEP': lambda step: step.what,
                'NEW RUN': lambda step: str(step.new_run_id or '-'),
                'WHY': lambda step: to_cell(step.why)})


@click.command('causes')
@click.option('--last', type=click.IntRange(min=1), default=200, show_default=True, metavar='N',
              help='How many runs are looked at.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_appcontext
def causes_command(last: int, as_json: bool) -> None:
    """
    Count the causes of the last N runs that have ended.

    Prints how many runs are whole, with a result for every test, and how many ended by each cause; then each message
    that says so, the most frequent first. It only reads, and works before the first retry.
    """
    with exit_on_error(as_json):
        counts = count_causes(extension_state().transactions, last)
    if as_json:
        click.echo(json.dumps({'runs': counts.runs, 'whole': counts.whole, 'causes': counts.by_name, 'details': [
            {'cause': cause.name, 'detail': cause.detail, 'count': count} for cause, count in counts.details]}))
        return
    print_list([('runs', counts.runs), ('whole', counts.whole), *counts.by_name.items()], {
        'CAUSE': lambda row: row[0],
        'RUNS': lambda row: str(row[1])})
    print_list(counts.details, {
        'CAUSE': lambda row: row[0].name,
        'RUNS': lambda row: str(row[1]),
        'MESSAGE': lambda row: to_cell(row[0].detail)})


@click.command('flaky')
@click.option('--last', type=click.IntRange(min=1), default=100, show_default=True, metavar='N',
              help='How many first runs that were retried are looked at.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_appcontext
def flaky_command(last: int, as_json: bool) -> None:
    """
    List the tests that were flaky in the last N first runs that were retried, the most often flaky first.

    Prints each test, in how many of them it was flaky, in how many it ran more than once, the newest in which it was
    flaky, and its command. It only reads.
    """
    with exit_on_error(as_json):
        found = list_flaky(extension_state().transactions, last)
    if as_json:
        click.echo(json.dumps({'runs': found.runs, 'tests': [asdict(test) for test in found.tests]}))
    else:
        print_list(found.tests, {
            'TEST': lambda test: str(test.regression_test_id),
            'FLAKY': lambda test: str(test.flaky),
            'RETRIED': lambda test: str(test.retried),
            'LAST RUN': lambda test: str(test.last_run_id),
            'COMMAND': lambda test: to_cell(test.command)})


@contextmanager
def exit_on_error(as_json: bool = False) -> Iterator[None]:
    """Exit with 1 if a command is refused, and with 3 if it may be tried again. Print why, as JSON if asked to."""
    try:
        yield
    except RunsApiError as error:
        if as_json:
            click.echo(json.dumps(error.to_json()))
        else:
            details = f' {json.dumps(error.details)}' if error.details else ''
            click.echo(f'Error: {error.message}{details}', err=True)
        if isinstance(error, InternalError):
            click.echo(f'The server said: {error.fault}', err=True)
        raise SystemExit(3 if isinstance(error, ServiceUnavailable) else 1) from None


COMMANDS = (retry_command, attempts_command, verdict_command, carry_over_command, sweep_command, causes_command,
            flaky_command)
