"""The OpenAPI document, and the routes held against it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import seed
from application import create_app
from database import Base, db
from flask import Flask
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis import Case, GenerationMode


def printed(app: Flask) -> dict[str, Any]:
    """Give the document as the command prints it."""
    result = app.test_cli_runner().invoke(args=['runs-api', 'openapi'])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_the_document_is_valid_openapi(app: Flask) -> None:
    document = printed(app)

    validate(document)
    assert document['openapi'] == '3.1.0'
    assert document['servers'] == [{'url': '/api/v1'}]


def test_the_document_can_be_merged_into_the_platforms(app: Flask) -> None:
    app.config['RUNS_API_RETRY_ROLES'] = ['tester', 'admin']
    document = printed(app)

    retry = document['paths']['/runs/{run_id}/retry']['post']
    assert (retry['x-required-scope'], retry['x-required-roles']) == ('runs:write', ['admin', 'tester'])
    family = document['paths']['/runs/{run_id}/retries']['get']
    assert family['x-required-scope'] == 'runs:read'
    assert 'x-required-roles' not in family
    assert retry['security'] == family['security'] == [{'bearerAuth': []}]
    assert {'RunActionResult', 'ErrorResponse'} <= set(document['components']['schemas'])
    assert 'bearerAuth' in document['components']['securitySchemes']


def test_the_document_says_what_the_schemas_check(app: Flask) -> None:
    schemas = printed(app)['components']['schemas']

    assert schemas['RunRetryRequest']['additionalProperties'] is False
    assert schemas['RunRetryRequest']['properties']['failed_only']['type'] == 'boolean'
    assert schemas['RunRetryRequest']['properties']['reason']['type'] == 'string'
    assert schemas['RunRetryRequest']['properties']['reason']['maxLength'] == 255
    assert schemas['ErrorResponse']['required'] == ['code', 'details', 'message']


def test_the_command_says_what_it_needs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'apispec', None)
    monkeypatch.delitem(sys.modules, 'mod_runs_api.openapi', raising=False)

    result = app.test_cli_runner().invoke(args=['runs-api', 'openapi'])

    assert result.exit_code == 1
    assert 'mod-runs-api[openapi]' in result.output


# The routes held against the document: a world with a run that can be retried in every way, and its document.
world = create_app('sqlite://', RUNS_API_RATE_LIMIT='1000000 per minute')
world.add_url_rule('/openapi.json', view_func=lambda: printed(world))
schema = schemathesis.openapi.from_wsgi('/openapi.json', world)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture(scope='module')
def secret() -> Iterator[str]:
    """Give a token that allows everything in that world."""
    with world.app_context():
        seed.run([seed.regression_test()], stages=seed.COMPLETED)
        secret = seed.token(seed.user())
        db.session.commit()
    yield secret
    with world.app_context():
        db.engine.dispose()


@schema.parametrize()
@settings(max_examples=150, deadline=None, database=None, derandomize=True,
          suppress_health_check=list(HealthCheck))
def test_the_routes_keep_to_the_document(case: Case, secret: str) -> None:
    with world.app_context():
        # No key is in use, so that what the document allows is accepted.
        db.session.execute(Base.metadata.tables['run_retry'].delete())
        db.session.commit()

    case.call_and_validate(headers={'Authorization': f'Bearer {secret}'})
