"""The command line: ``flask runs-api`` (docs/python-and-command-line.rst)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext

from .api.schemas import (AttemptSchema, PreviewSchema, TestVerdictSchema,
                          VerdictMetaSchema)
from .domain.attempts import Attempt
from .domain.builds import SHOWN_LENGTH
from .domain.causes import CAUSES
from .domain.preview import Preview
from .domain.retry import Retry
from .domain.run import MAX_ID
from .domain.tokens import MAX_NAME_LENGTH, SCOPES, is_expired, read_scopes
from .domain.words import counted, to_sentence
from .errors import InvalidFields, RunsApiError, ServiceUnavailable
from .extension import extension_state
from .github.checks import READY_MADE, in_order
from .service import tokens
from .service.attempts import attempts_page
from .service.carry_over import carry_over_into, list_missed
from .service.causes import count_causes
from .service.preview import preview_retry
from .service.retry import build_request, find_earlier, retry_run
from .service.sweep import Sweep
from .service.validation import find_user_id
from .service.verdict import attempts_verdict

#: The exit codes of `verdict`.
EXIT_CODES = {'pass': 0, 'fail': 1, 'unstable': 4, 'pending': 5}


@click.group(cls=AppGroup)
@with_appcontext
def token() -> None:
    """Create, list and revoke API tokens, on a platform that has none of its own."""
    if extension_state().tables.host.ApiToken is not None:
        raise click.ClickException('This platform has API tokens of its own. Make them there: '
                                   'POST /api/v1/auth/tokens with an e-mail address and a password.')


@token.command()
@click.argument('user')
@click.option('--name', required=True, metavar='TEXT', help=f'Its purpose: 1 to {MAX_NAME_LENGTH} characters.')
@click.option('--scope', 'scopes', multiple=True, type=click.Choice(SCOPES), default=['runs:read'],
              show_default=True, help='May be given more than once.')
@click.option('--days', type=click.IntRange(1, 3650), default=30, show_default=True, help='How long it is valid.')
def create(user: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Create a token for USER, a user name of the platform. It is shown this once."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise click.BadParameter(f'must have 1 to {MAX_NAME_LENGTH} characters', param_hint='--name')
    with exit_on_error():
        try:
            user_id = find_user_id(user)
        except InvalidFields:
            raise click.BadParameter('there is no such user', param_hint='USER') from None
        secret = tokens.create_token(user_id, name, scopes, days)
    if secret is None:
        raise click.ClickException(f'{user} has a token called {name} already.')
    click.echo(secret)


@token.command('list')
def list_tokens() -> None:
    """List the tokens: id, user, name, scopes, and until when or why not they are valid."""
    with exit_on_error():
        rows = tokens.list_tokens()
    for row in rows:
        validity = (f'revoked {row.revoked_at:%Y-%m-%d}' if row.revoked_at
                    else f'{"expired" if is_expired(row.expires_at) else "expires"} {row.expires_at:%Y-%m-%d}')
        click.echo('\t'.join([str(row.id), _cell(row.name), _cell(row.token_name),
                              ' '.join(read_scopes(row.scopes_json)), validity]))


@token.command()
@click.argument('token_id', type=click.IntRange(1, MAX_ID))
def revoke(token_id: int) -> None:
    """Revoke the token with the id TOKEN_ID, at once."""
    with exit_on_error():
        revoked = tokens.revoke_token(token_id)
    if not revoked:
        raise click.ClickException(f'There is no valid token {token_id}.')
    click.echo(f'Token {token_id} is revoked.')


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
        if not dry_run:
            _print_retry(retry_run(run_id, **options), as_json)
            return
        # A key that was used has its retry already.
        earlier = find_earlier(build_request(run_id, **options))
        if earlier is None:
            preview = preview_retry(run_id, extension_state().settings.before_retry)
            _print_preview(preview, options['failed_only'], as_json)
        else:
            _print_retry(earlier, as_json)


def _print_retry(retry: Retry, as_json: bool) -> None:
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

    The columns: attempt, run, source, status, how many tests failed, did not run, were carried over and are there in
    all, "all" or "failed" tests, requester ("automatic" for a sweep), time, reason, cause, the message that says so,
    the commit that was built, and how many of the results carried over were built from which other one.
    """
    with exit_on_error(as_json):
        for attempt in attempts_page(run_id, limit=MAX_ID, offset=0).attempts:
            click.echo(json.dumps(AttemptSchema().dump(attempt)) if as_json else _attempt_line(attempt))


def _attempt_line(attempt: Attempt) -> str:
    return '\t'.join([
        str(attempt.attempt), str(attempt.run_id), str(attempt.source_run_id or '-'), attempt.status,
        str(attempt.failed), str(attempt.not_run), str(attempt.carried_over), str(attempt.tests),
        '-' if attempt.failed_only is None else 'failed' if attempt.failed_only else 'all',
        'automatic' if attempt.automatic else _cell(attempt.requested_by),
        f'{attempt.created_at:%Y-%m-%dT%H:%M:%SZ}' if attempt.created_at else '-',
        _cell(attempt.reason), attempt.cause or '-', _cell(attempt.cause_detail),
        _cell(attempt.built_commit_sha and attempt.built_commit_sha[:SHOWN_LENGTH]),
        _cell(' '.join(f'{other.short}:{other.results}' for other in attempt.other_builds) or None)])


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
        found = attempts_verdict(run_id)
    if as_json:
        click.echo(json.dumps({'data': TestVerdictSchema(many=True).dump(found.tests),
                               'meta': VerdictMetaSchema().dump(found)}))
    else:
        for test in found.tests:
            if test.verdict != 'passed':
                outcomes = [f'{attempt.run_id}:{attempt.outcome}' for attempt in test.attempts]
                click.echo('\t'.join([str(test.regression_test_id), test.verdict, *outcomes]))
        click.echo('\t'.join(filter(None, [found.overall, to_sentence(found)])))
    raise SystemExit(EXIT_CODES[found.overall])


@click.command('carry-over')
@click.argument('run_id', type=int, required=False)
@with_appcontext
def carry_over_command(run_id: int | None) -> None:
    """
    Carry results over into the failed-only retry RUN_ID, or into all that have completed without it.

    This happens by itself when a retry completes. The command is for retries where it was missed, and may be repeated.
    """
    with exit_on_error():
        for found_id in list_missed() if run_id is None else [run_id]:
            count = carry_over_into(found_id)
            # There is none while the attempt that has the results has not ended.
            if count or run_id is not None:
                click.echo(f'{found_id}\t{count}')


@click.command('sweep')
@click.option('--dry-run', is_flag=True, help='Write nothing, and print the steps that would be taken.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON lines.')
@with_appcontext
def sweep_command(dry_run: bool, as_json: bool) -> None:
    """
    Carry over what was missed, and end and retry runs that died by no fault of the code: a line for the crontab.

    Prints a line for each run that it did something about, or would have but for a reason: the run, "carried over",
    "ended", "retried" or "waiting", the new run, and why. Exits with 3 if the database is away.
    """
    with exit_on_error(as_json):
        checks = in_order([*extension_state().settings.before_retry, *READY_MADE])
        for step in Sweep(checks, dry_run).run():
            click.echo(json.dumps(step._asdict()) if as_json else
                       '\t'.join([str(step.run_id), step.what, str(step.new_run_id or '-'), _cell(step.why)]))


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
        counts = count_causes(last)
    runs, whole = counts.total(), counts[None]
    details = [(cause, count) for cause, count in counts.most_common() if cause is not None]
    causes = {name: sum(count for cause, count in details if cause.name == name) for name in CAUSES}
    if as_json:
        click.echo(json.dumps({'runs': runs, 'whole': whole, 'causes': causes, 'details': [
            {'cause': cause.name, 'detail': cause.detail, 'count': count} for cause, count in details]}))
        return
    for name, count in [('runs', runs), ('whole', whole), *causes.items()]:
        click.echo(f'{name}\t{count}')
    for cause, count in details:
        click.echo('\t'.join([cause.name, str(count), _cell(cause.detail)]))


def _cell(text: str | None) -> str:
    """Return a text so that it stays one cell of one line. An empty or odd one is quoted."""
    if text is None:
        return '-'
    return text if text.isprintable() and text.strip() and text != '-' else json.dumps(text, ensure_ascii=False)


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
        raise SystemExit(3 if isinstance(error, ServiceUnavailable) else 1) from None


COMMANDS = (token, retry_command, attempts_command, verdict_command, carry_over_command, sweep_command,
            causes_command)
