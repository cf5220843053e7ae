"""The command line: ``flask runs-api`` (contract section 2)."""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from . import clock, tokens, transaction
from .errors import InvalidFields
from .mount import current_mount
from .service import person_id


@click.group(cls=AppGroup)
@with_appcontext
def token() -> None:
    """Make, list and revoke API tokens, on a platform that has none of its own."""
    if current_mount().host.api_token is not None:
        raise click.ClickException('This platform has API tokens of its own. Make them there: '
                                   'POST /api/v1/auth/tokens with an e-mail address and a password.')


@token.command()
@click.argument('person')
@click.option('--name', required=True, metavar='TEXT', help='What the token is for: 1 to 50 characters.')
@click.option('--scope', 'scopes', multiple=True, type=click.Choice(tokens.SCOPES), default=['runs:read'],
              show_default=True, help='What it allows. May be given more than once.')
@click.option('--days', type=click.IntRange(1, 3650), default=30, show_default=True, help='How long it is valid.')
def create(person: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token for PERSON, a user name of the platform. It is shown this once."""
    mount = current_mount()
    if not 1 <= len(name) <= 50:
        raise click.BadParameter('must have 1 to 50 characters', param_hint='--name')
    try:
        user_id = person_id(mount, person)
        secret = transaction.run(mount.host.session, lambda session, _: tokens.create(
            session, mount.api_tokens, user_id, name, scopes, days))
    except InvalidFields:
        raise click.ClickException(f'There is no person called {person}.') from None
    except IntegrityError:
        raise click.ClickException(f'{person} has a token called {name} already.') from None
    click.echo(secret)


@token.command('list')
def list_tokens() -> None:
    """List the tokens: id, person, name, scopes, and until when or why not they are valid."""
    mount = current_mount()
    table, user = mount.api_tokens, mount.host.user
    with mount.host.session() as session:
        rows = session.execute(
            select(table.id, user.name, table.token_name, table.scopes_json, table.expires_at, table.revoked_at)
            .join(user.table, user.id == table.user_id)
            .order_by(table.id)).all()
    for row in rows:
        state = (f'revoked {row.revoked_at:%Y-%m-%d}' if row.revoked_at
                 else f'{"expired" if row.expires_at < clock.now() else "expires"} {row.expires_at:%Y-%m-%d}')
        click.echo(f'{row.id}\t{row.name}\t{row.token_name}\t{" ".join(tokens.scopes(row.scopes_json))}\t{state}')


@token.command()
@click.argument('token_id', type=int)
def revoke(token_id: int) -> None:
    """Take the token with the id TOKEN_ID back, at once."""
    mount = current_mount()
    if not transaction.run(mount.host.session,
                           lambda session, _: tokens.revoke(session, mount.api_tokens, token_id)):
        raise click.ClickException(f'There is no valid token {token_id}.')
    click.echo(f'Token {token_id} is revoked.')


@click.command()
@with_appcontext
def openapi() -> None:
    """Print the OpenAPI document of the routes, as JSON."""
    try:
        from .openapi import document
    except ModuleNotFoundError as error:
        raise click.ClickException(f'{error}. It comes with mod-runs-api[openapi].') from None
    mount = current_mount()
    click.echo(json.dumps(document(mount.prefix, sorted(mount.settings.retry_roles)), indent=2))
