"""The platform's OpenAPI document with the patch ``openapi`` (docs/adopt.rst)."""

import json

import pytest
import yaml

from mod_runs_api.api.routes import ROUTES
from mod_runs_api.api.schemas import ErrorSchema

from .protocol import CRASH


def document_of(platform):
    """Return the document of a copy of the platform."""
    return yaml.safe_load((platform.path / 'openapi-ci-api.yaml').read_text())


@pytest.fixture(scope='module')
def document(telling):
    """The document."""
    return document_of(telling)


def operation(document, route):
    """Return the description of a route."""
    return document['paths'][route.path.replace('<run_id>', '{run_id}')][route.method.lower()]


def response(document, route):
    """Return the schema of the answer of a route."""
    return operation(document, route)['responses'][str(route.status)]['content']['application/json']['schema']


def strict(schema):
    """Return a schema in which JSON Schema takes null, beside a type alone, and no field that has no name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {word: strict(value) for word, value in schema.items()}
    if made.get('nullable') is True and 'type' in made:
        made['type'] = [made['type'], 'null']
    return {**made, 'additionalProperties': False} if 'properties' in made else made


@pytest.fixture(scope='module')
def of_the_platform(unmounted):
    """The schemas of the document before the mount."""
    return document_of(unmounted)['components']['schemas']


def derived_names(schemas):
    """Return the names that generators of clients give to what is described within these schemas."""
    return {f'{name}_{field}'.replace('_', '').lower()
            for name, schema in schemas.items() for field in schema.get('properties', ())}


def test_no_schema_has_a_name_that_a_generator_derives_from_another(document, of_the_platform):
    all_schemas = document['components']['schemas']
    ours = {name: schema for name, schema in all_schemas.items() if name not in of_the_platform}
    assert ours and len(all_schemas) == len(ours) + len(of_the_platform)

    assert derived_names(of_the_platform) & {name.lower() for name in ours} == set()
    assert derived_names(ours) & {name.lower() for name in of_the_platform} == set()
    assert derived_names(ours) & derived_names(of_the_platform) == set()


def test_errors_are_described_as_the_package_answers_them(document):
    described = document['components']['schemas']['ErrorResponse']

    assert set(described['properties']) == set(described['required']) == set(ErrorSchema().fields)


def test_real_answers_fit_the_document_and_have_nothing_that_it_does_not_name(document, story):
    from jsonschema import Draft4Validator
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    refused = json.dumps(story.ask('GET', f'/runs/{story.retry(source)}/retry'))
    assert '"run_not_finished"' in refused
    stopped = story.retry(source, failed_only=False)
    story.cancel(stopped)

    answers = [(route, story.ask(route.method, route.path.replace('<run_id>', str(run_id))))
               for run_id in (source, stopped) for route in ROUTES]
    preview, = (route for route in ROUTES if (route.method, route.endpoint) == ('GET', 'retry'))

    for route, answer in [*answers, (preview, json.loads(refused))]:
        errors = Draft4Validator({**strict(document), **response(document, route)}).iter_errors(answer)
        assert [error.message for error in errors] == [], route
