"""The OpenAPI document, and the routes tested against it (docs/api.rst)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import seed
from application import create_app, dispose
from database import Base, db
from flask import Flask
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis import Case, GenerationMode
from support.api import Command


def print_document(app: Flask) -> dict[str, Any]:
    """Return the document that the command prints."""
    result = app.test_cli_runner().invoke(args=['runs-api', 'openapi'])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.output)
    return document


@pytest.mark.parametrize('app_settings', [{'RUNS_API_RETRY_ROLES': ['tester', 'admin']}])
def test_the_document_is_valid_and_can_be_merged_into_the_platforms(app: Flask) -> None:
    document = print_document(app)

    validate(document)
    assert document['openapi'] == '3.0.3'
    assert document['servers'] == [{'url': '/api/v1'}]
    retry = document['paths']['/runs/{run_id}/retry']['post']
    attempts = document['paths']['/runs/{run_id}/retries']['get']
    assert (retry['x-required-scope'], retry['x-required-roles']) == ('runs:write', ['admin', 'tester'])
    assert attempts['x-required-scope'] == 'runs:read'
    assert 'x-required-roles' not in attempts
    assert retry['security'] == attempts['security'] == [{'bearerAuth': []}]
    schemas = document['components']['schemas']
    assert {'RunRetryResult', 'ErrorResponse'} <= set(schemas)
    assert schemas['RunRetryRequest']['additionalProperties'] is False
    assert schemas['RunRetryRequest']['properties']['failed_only']['type'] == 'boolean'
    assert schemas['RunRetryRequest']['properties']['reason']['type'] == 'string'
    assert schemas['RunRetryRequest']['properties']['reason']['maxLength'] == 255
    assert schemas['ErrorResponse']['required'] == ['code', 'details', 'message']
    assert 'bearerAuth' in document['components']['securitySchemes']


def test_the_command_names_the_extra_that_it_needs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'apispec', None)
    monkeypatch.delitem(sys.modules, 'mod_runs_api.api.openapi', raising=False)

    result = command('openapi')

    assert result.exit_code == 1
    assert 'mod-runs-api[openapi]' in result.output


# An application in which a run can be retried in every way.
served = create_app('sqlite://', RUNS_API_RATE_LIMIT='1000000 per minute')
served.add_url_rule('/openapi.json', view_func=lambda: print_document(served))
schema = schemathesis.openapi.from_wsgi('/openapi.json', served)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture(scope='module')
def secret() -> Iterator[str]:
    """Yield a token that allows everything in that application."""
    with served.app_context():
        seed.run([seed.regression_test()], stages=seed.COMPLETED)
        secret = seed.token(seed.user(), ['runs:read', 'runs:write', 'results:read'])
        db.session.commit()
    yield secret
    dispose(served)


@schema.parametrize()
@settings(max_examples=60, deadline=None, database=None, derandomize=True,
          suppress_health_check=list(HealthCheck))
def test_the_routes_answer_as_the_document_says(case: Case[Any], secret: str) -> None:
    with served.app_context():
        # No key is in use, so that what the document allows is accepted.
        db.session.execute(Base.metadata.tables['run_retry'].delete())
        db.session.commit()

    case.call_and_validate(headers={'Authorization': f'Bearer {secret}'})
