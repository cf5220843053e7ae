"""The routes in the platform's OpenAPI document, as the patch ``mount`` describes them (docs/adopt.rst)."""

import json
from typing import Any

import pytest

from mod_runs_api.api.routes import ROUTES, Route
from mod_runs_api.domain.verdict import VERDICTS

from .checkout import Platform
from .protocol import CRASH, Story

pytestmark = pytest.mark.platform

#: The words that say nothing about the form of an answer.
SAID = ('description', 'additionalProperties')


@pytest.fixture(scope='module')
def document(telling: Platform) -> Any:
    """The document."""
    import yaml  # The platform's: no other suite has it.
    return yaml.safe_load((telling.path / 'openapi-ci-api.yaml').read_text())


def operation(document: Any, route: Route) -> Any:
    """Return the description of a route."""
    return document['paths'][route.path.replace('<run_id>', '{run_id}')][route.method.lower()]


def response(document: Any, route: Route) -> Any:
    """Return the schema of the answer of a route."""
    return operation(document, route)['responses'][str(route.status)]['content']['application/json']['schema']


def strict(schema: Any) -> Any:
    """Return a schema in which JSON Schema takes null, beside a type alone, and no field that has no name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {word: strict(value) for word, value in schema.items()}
    if made.get('nullable') is True and 'type' in made:
        made['type'] = [made['type'], 'null']
    return {**made, 'additionalProperties': False} if 'properties' in made else made


def whole(schema: Any, document: Any) -> Any:
    """Return a schema with those that it names in their places, and nothing in it that is said only to people."""
    if isinstance(schema, list):
        return [whole(part, document) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if '$ref' in schema:
        return whole(document['components']['schemas'][schema['$ref'].rpartition('/')[2]], document)
    if 'properties' in schema:
        schema = {**schema, 'required': sorted(schema['required']),
                  'properties': {name: whole(part, document) for name, part in schema['properties'].items()}}
        return {word: value for word, value in schema.items() if word not in SAID}
    # apispec has null, or any object.
    if 'anyOf' in schema:
        return [part for part in whole(schema['anyOf'], document) if not part.get('nullable')] + [None]
    return {word: whole(value, document) for word, value in schema.items() if word not in (*SAID, 'example')}


EACH_ROUTE = pytest.mark.parametrize('route', ROUTES, ids=lambda route: f'{route.method} {route.endpoint}')


@EACH_ROUTE
def test_a_route_is_described_with_its_scope_roles_and_arguments(document: Any, route: Route) -> None:
    described = operation(document, route)
    parameters = [parameter.get('name') or parameter['$ref'].rpartition('/')[2].lower()
                  for parameter in described['parameters'] if parameter.get('in') != 'header']

    assert (described['x-required-scope'], 'x-required-roles' in described) == (route.scope, route.needs_retry_role)
    assert parameters == ['runid', *(route.arguments().fields if route.arguments else [])]


@EACH_ROUTE
def test_an_answer_is_described_as_its_schema_has_it(document: Any, route: Route) -> None:
    from apispec import APISpec
    from apispec.ext.marshmallow import MarshmallowPlugin
    plugin = MarshmallowPlugin(schema_name_resolver=lambda schema: getattr(schema, '__name__', type(schema).__name__))
    spec = APISpec('The schemas', '1', '3.0.3', plugins=[plugin])
    spec.components.schema('Answer', schema=route.answer)
    made = spec.to_dict()

    assert whole(response(document, route), document) == whole({'$ref': 'schemas/Answer'}, made)


def test_the_filter_by_verdict_has_all_verdicts(document: Any) -> None:
    parameters = document['paths']['/runs/{run_id}/verdict']['get']['parameters']
    (verdict,) = (parameter['schema'] for parameter in parameters if parameter.get('name') == 'verdict')

    assert whole(verdict, document) == {'type': 'array', 'items': {'type': 'string', 'enum': [*VERDICTS]}}


def test_real_answers_fit_the_document_and_have_nothing_that_it_does_not_name(document: Any, story: Story) -> None:
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
