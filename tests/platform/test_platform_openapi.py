"""The OpenAPI document, pasted into the platform's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from checkout import Platform
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from protocol import Story

pytestmark = pytest.mark.platform


@pytest.fixture(scope='module')
def own(telling: Platform) -> Any:
    """The document that the command prints."""
    printed = telling.flask('runs-api', 'openapi', database='sqlite://')
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)


@pytest.fixture(scope='module')
def merged(telling: Platform, own: Any) -> Any:
    """The platform's document with our paths, and with those of our components that it lacks."""
    document = yaml.safe_load((telling.path / 'openapi-ci-api.yaml').read_text())
    assert not document['paths'].keys() & own['paths'].keys()
    document['paths'] |= own['paths']
    for kind, components in own['components'].items():
        document['components'][kind] = components | document['components'].get(kind, {})
    return document


def test_the_merged_document_is_valid(merged: Any, own: Any) -> None:
    assert own['openapi'] == merged['openapi']
    validate(merged)


def test_answers_are_what_the_merged_document_says(merged: Any, own: Any, story: Story) -> None:
    run_id = story.complete(story.push(story.tests(1)))
    answers = {
        ('/runs/{run_id}/retry', 'post', '202'): story.ask('POST', f'/runs/{run_id}/retry'),
        ('/runs/{run_id}/retries', 'get', '200'): story.ask('GET', f'/runs/{run_id}/retries'),
        ('/runs/{run_id}/verdict', 'get', '200'): story.ask('GET', f'/runs/{run_id}/verdict'),
    }
    refused = story.process.call('ask', method='GET', path=f'/api/v1/runs/{run_id}/verdict')

    for (path, method, status), answer in answers.items():
        content = merged['paths'][path][method]['responses'][status]['content']['application/json']
        validate_answer(merged, content['schema'], answer)
    validate_answer(merged, {'$ref': '#/components/schemas/ErrorResponse'}, json.loads(refused['body']))


def validate_answer(document: Any, schema: Any, answer: Any) -> None:
    """Hold an answer against a schema of the document."""
    errors = OAS30Validator({**schema, 'components': document['components']}).iter_errors(answer)
    assert [error.message for error in errors] == []


def test_scopes_and_roles_are_marked_as_the_platforms_are(merged: Any, own: Any) -> None:
    theirs = [operation for path, operations in merged['paths'].items() if path not in own['paths']
              for operation in operations.values() if isinstance(operation, dict)]
    for operations in own['paths'].values():
        for operation in operations.values():
            assert any(other.get('x-required-scope') == operation['x-required-scope'] for other in theirs)
            assert {tag['name'] for tag in merged['tags']} >= set(operation['tags'])
