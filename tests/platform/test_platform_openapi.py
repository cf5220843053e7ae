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


def test_it_fits_into_the_platforms_own_and_is_true_there(telling: Platform, own: Any, story: Story) -> None:
    merged = yaml.safe_load((telling.path / 'openapi-ci-api.yaml').read_text())
    scopes = {operation.get('x-required-scope') for operations in merged['paths'].values()
              for operation in operations.values() if isinstance(operation, dict)}
    tags = {tag['name'] for tag in merged['tags']}
    assert own['openapi'] == merged['openapi']
    assert not merged['paths'].keys() & own['paths'].keys()
    for operations in own['paths'].values():
        for operation in operations.values():
            assert operation['x-required-scope'] in scopes and tags >= set(operation['tags']), operation

    merged['paths'] |= own['paths']
    for kind, components in own['components'].items():
        merged['components'][kind] = components | merged['components'].get(kind, {})
    validate(merged)

    run_id = story.complete(story.push(story.tests(1)))
    for method, path, status in (('post', 'retry', '202'), ('get', 'retries', '200'), ('get', 'verdict', '200'),
                                 ('get', 'retry', '200'), ('delete', 'retry', '405')):
        answer = story.request(method.upper(), f'/runs/{run_id}/{path}')
        schema = {'$ref': '#/components/schemas/ErrorResponse'} if status == '405' else merged['paths'][
            f'/runs/{{run_id}}/{path}'][method]['responses'][status]['content']['application/json']['schema']
        errors = OAS30Validator({**schema, 'components': merged['components']}).iter_errors(json.loads(answer['body']))
        assert (answer['status'], [error.message for error in errors]) == (int(status), []), (method, path)
