"""The platform's OpenAPI document with the patch ``openapi`` (docs/adopt.rst)."""

import json
import re

import yaml
from jsonschema import Draft4Validator

from mod_runs_api.api import views
from mod_runs_api.api.routes import ROUTES

from .protocol import CRASH


def response(document, route):
    """Return the schema of the answer of a route."""
    operation = document['paths'][route.path.replace('<run_id>', '{run_id}')][route.method.lower()]
    return operation['responses'][str(route.status)]['content']['application/json']['schema']


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


def test_real_answers_fit_the_document_and_have_nothing_that_it_does_not_name(story):
    document = yaml.safe_load((story.platform.path / 'openapi-ci-api.yaml').read_text())
    tests = story.tests(3)
    source = story.complete(story.push(tests), {tests[0]: CRASH})
    refused = json.dumps(story.ask('GET', f'/runs/{story.retry(source)}/retry'))
    assert '"run_not_finished"' in refused
    stopped = story.retry(source, failed_only=False)
    story.cancel(stopped)

    answers = [(route, story.ask(route.method, route.path.replace('<run_id>', str(run_id))))
               for run_id in (source, stopped) for route in ROUTES]
    preview, = (route for route in ROUTES if route.view is views.preview)

    for route, answer in [*answers, (preview, json.loads(refused))]:
        errors = Draft4Validator({**strict(document), **response(document, route)}).iter_errors(answer)
        assert [error.message for error in errors] == [], route


def test_errors_have_the_code_and_the_message_of_the_documents_examples(story):
    document = yaml.safe_load((story.platform.path / 'openapi-ci-api.yaml').read_text())
    path, powerless = '/runs/9317/retry', story.add_token()
    story.rows.set('api_token', story.rows.one('api_token', token_prefix=powerless[:16])['id'], scopes_json='[]')
    answers = {'Forbidden': story.request('POST', path, headers={'Authorization': f'Bearer {powerless}'}),
               'NotFound': story.request('POST', path), 'Unauthorized': story.request('POST', path, headers={})}
    # The default is 120 requests a minute. A minute may end meanwhile.
    many = (story.request('POST', path, headers={}) for _ in range(1000))
    answers['RateLimited'] = next(answer for answer in many if answer['status'] == 429)

    for name, answer in answers.items():
        example = document['components']['responses'][name]['content']['application/json']['example']
        found = json.loads(answer['body'])
        assert (found['code'], re.sub('after [0-9]+', 'after 30', found['message'])) == (
            example['code'], example['message'])
        assert found['details'].keys() >= example['details'].keys()
