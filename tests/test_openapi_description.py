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
    # The hunk between them repairs a schema of the platform.
    paths, _, components = (re.sub(r'(?m)^\+|^ .*\n', '', hunk) for hunk in re.split(r'(?m)^@@.*\n', diff)[1:])
    return {'paths': yaml.safe_load(paths), 'schemas': yaml.safe_load(components)}


@pytest.fixture(scope='module')
def made():
    """The schemas of the package, as apispec describes them: by their names without "Schema"."""
    spec = APISpec('The schemas', '1', '3.0.3', plugins=[MarshmallowPlugin()])
    for schema in (RetryRequestSchema, *(route.answer for route in ROUTES)):
        spec.components.schema(name_of(schema), schema=schema)
    return spec.to_dict()['components']['schemas']


def name_of(schema):
    """Return the name of a schema in the document."""
    return schema.__name__.removesuffix('Schema')


def plain(schema, words):
    """Return a schema without prose, and with the words of the fields that have some."""
    if isinstance(schema, list):
        return [plain(part, words) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = words.get(schema.get('$ref'), schema)
    schema = {word: value for word, value in schema.items() if word not in PROSE}
    if 'properties' in schema:
        properties = {name: plain(part, words) for name, part in schema['properties'].items()}
        return {**schema, 'required': sorted(schema.get('required', [])), 'properties': properties}
    if 'anyOf' in schema:
        # For null, apispec has any object.
        return [part for part in plain(schema['anyOf'], words) if not part.get('nullable')] + [None]
    return {word: plain(value, words) for word, value in schema.items()}


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
def test_an_answer_and_a_body_are_described_by_the_names_of_their_schemas(described, route):
    found = operation(described, route)
    parts = [(found['responses'][str(route.status)], route.answer)]
    if 'requestBody' in found:
        parts.append((found['requestBody'], RetryRequestSchema))

    assert [part['content']['application/json']['schema'] for part, _ in parts] == [
        {'$ref': f'#/components/schemas/{name_of(schema)}'} for _, schema in parts]


def test_the_schemas_of_the_document_are_those_of_the_package(described, made):
    words = {f'#/components/schemas/{name}': schema for name, schema in described['schemas'].items()
             if 'enum' in schema}

    documented = {name: plain(schema, words) for name, schema in described['schemas'].items() if 'enum' not in schema}

    # The platform describes errors.
    assert documented == {name: plain(schema, {}) for name, schema in made.items() if name != 'ErrorResponse'}


def test_the_filter_by_verdict_has_all_verdicts(described):
    parameters = described['paths']['/runs/{run_id}/verdict']['get']['parameters']
    (verdict,) = (parameter['schema'] for parameter in parameters if parameter.get('name') == 'verdict')

    assert verdict == {'type': 'array', 'items': {'$ref': '#/components/schemas/Verdict'}}
    assert described['schemas']['Verdict'] == {'type': 'string', 'enum': [*VERDICTS]}


def test_every_schema_that_is_described_is_used(described):
    used = set(re.findall(r"'#/components/schemas/(\w+)'", repr(described)))

    assert used - described['schemas'].keys() == {'ErrorResponse'}
    assert described['schemas'].keys() - used == set()
