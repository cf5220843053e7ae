"""The routes as the patch describes them in the platform's OpenAPI document, beside the schemas of the answers."""

import re

import pytest
import yaml
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from support.documents import ROOT

from mod_runs_api.api.routes import ROUTES
from mod_runs_api.domain.verdict import VERDICTS
from mod_runs_api.service.validation import RetryRequestSchema

PATCH = ROOT / 'patches/platform/0006-openapi.patch'
#: What is said to people only.
PROSE = ('description', 'example', 'additionalProperties')


@pytest.fixture(scope='module')
def described():
    """The paths and the schemas that the patch adds to the document."""
    (diff,) = re.findall(r'(?ms)^\+\+\+ b/openapi-ci-api\.yaml\n(.*?)^diff ', PATCH.read_text())
    paths, components = (re.sub(r'(?m)^\+|^ .*\n', '', hunk) for hunk in re.split(r'(?m)^@@.*\n', diff)[1:])
    return {'paths': yaml.safe_load(paths), 'schemas': yaml.safe_load(components)}


@pytest.fixture(scope='module')
def made():
    """The schemas of the package, as apispec describes them."""
    def name(schema):
        made = getattr(schema, '__name__', type(schema).__name__)
        # The platform describes errors.
        return 'ErrorResponse' if made == 'ErrorSchema' else str(made)

    spec = APISpec('The schemas', '1', '3.0.3', plugins=[MarshmallowPlugin(schema_name_resolver=name)])
    for route in ROUTES:
        spec.components.schema(route.answer.__name__, schema=route.answer)
    spec.components.schema('RetryRequest', schema=RetryRequestSchema)
    return spec.to_dict()['components']['schemas']


def whole(schema, named):
    """Return a schema with those that it names in their places, and without prose."""
    if isinstance(schema, list):
        return [whole(part, named) for part in schema]
    if not isinstance(schema, dict):
        return schema
    name = schema.get('$ref', '').rpartition('/')[2]
    if name and name != 'ErrorResponse':
        return whole(named[name], named)
    schema = {word: value for word, value in schema.items() if word not in PROSE}
    if 'properties' in schema:
        properties = {name: whole(part, named) for name, part in schema['properties'].items()}
        return {**schema, 'required': sorted(schema.get('required', [])), 'properties': properties}
    if 'anyOf' in schema:
        # For null, apispec has any object.
        return [part for part in whole(schema['anyOf'], named) if not part.get('nullable')] + [None]
    return {word: whole(value, named) for word, value in schema.items()}


def operation(described, route):
    """Return the description of a route."""
    return described['paths'][route.path.replace('<run_id>', '{run_id}')][route.method.lower()]


EACH_ROUTE = pytest.mark.parametrize('route', ROUTES, ids=lambda route: f'{route.method} {route.view.__name__}')


def test_only_routes_of_the_package_are_described(described):
    assert sum(map(len, described['paths'].values())) == len(ROUTES)


@EACH_ROUTE
def test_a_route_is_described_with_its_scope_roles_and_arguments(described, route):
    found = operation(described, route)
    parameters = [parameter.get('name') or parameter['$ref'].rpartition('/')[2].lower()
                  for parameter in found['parameters'] if parameter.get('in') != 'header']

    assert (found['x-required-scope'], 'x-required-roles' in found) == (route.scope, route.needs_retry_role)
    of_path = [name.replace('_', '') for name in re.findall('<(.+?)>', route.path)]
    assert parameters == [*of_path, *(route.arguments().fields if route.arguments else [])]


@EACH_ROUTE
def test_an_answer_is_described_as_its_schema_has_it(described, made, route):
    answer = operation(described, route)['responses'][str(route.status)]['content']['application/json']['schema']

    assert whole(answer, described['schemas']) == whole(made[route.answer.__name__], made)


def test_the_body_of_a_retry_is_described_as_its_schema_has_it(described, made):
    body = described['paths']['/runs/{run_id}/retry']['post']['requestBody']['content']['application/json']['schema']

    assert whole(body, described['schemas']) == whole(made['RetryRequest'], made)


def test_the_filter_by_verdict_has_all_verdicts(described):
    parameters = described['paths']['/runs/{run_id}/verdict']['get']['parameters']
    (verdict,) = (parameter['schema'] for parameter in parameters if parameter.get('name') == 'verdict')

    assert whole(verdict, described['schemas']) == {'type': 'array', 'items': {'type': 'string', 'enum': [*VERDICTS]}}


def test_every_schema_that_is_described_is_used(described):
    used = set(re.findall(r"'#/components/schemas/(\w+)'", repr(described)))

    assert used - described['schemas'].keys() == {'ErrorResponse'}
    assert described['schemas'].keys() - used == set()
