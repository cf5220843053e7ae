"""The table of the routes, and what holds for each of them (docs/api.rst)."""

import json
import re

import pytest
import seed
from mod_auth.models import Role
from support.api import assert_error, assert_security_headers
from support.documents import ROOT
from support.statements import record_statements

from mod_runs_api.api.routes import ROUTES


def each(routes):
    """Call a test with each of the routes."""
    return pytest.mark.parametrize('route', routes, ids=lambda route: f'{route.method} {route.view.__name__}')


EACH_ROUTE = each(ROUTES)
EACH_READING_ROUTE = each([route for route in ROUTES if route.method == 'GET'])
EACH_LIST = each([route for route in ROUTES if route.arguments])
EACH_PATH = pytest.mark.parametrize('path', {route.path: None for route in ROUTES})
SCOPES = {'runs:read', 'runs:write', 'results:read'}
METHODS = {'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'BREW'}


def test_each_route_of_the_table_is_a_rule_with_its_method_and_there_are_no_others(app, bare):
    of_the_platform = {rule.rule for rule in bare.url_map.iter_rules()}
    rules = {(rule.endpoint, rule.rule, *rule.methods - {'HEAD', 'OPTIONS'})
             for rule in app.url_map.iter_rules() if rule.rule not in of_the_platform}

    assert rules == {('runs_api.static', '/api/v1/retry-assets/<path:filename>', 'GET'), *(
        (f'runs_api.{route.view.__name__}', f'/api/v1{route.path}', route.method) for route in ROUTES)}


@EACH_ROUTE
def test_the_docs_have_an_example_with_every_field(route):
    text = ''.join((ROOT / page).read_text() for page in ('docs/api.rst', 'docs/verdicts.rst'))
    commands = re.findall(r'^    \$ curl .*?\n\n(?=\S)', text, re.MULTILINE | re.DOTALL)
    url = re.compile(rf'/api/v1{route.path.replace("<run_id>", "[0-9]+")}\b')

    answers = [answer for command in commands if url.search(command) and ('POST' in command) == (route.method == 'POST')
               for answer in re.findall(r'^    (\{.*)', command, re.MULTILINE | re.DOTALL)]

    assert answers
    for answer in answers:
        assert route.answer().validate(json.loads(answer.replace(', …', ''))) == {}


@EACH_ROUTE
def test_a_good_answer_fits_its_schema_is_counted_and_has_the_security_headers(ask, run_id, route):
    response = ask(route.method, run_id, route.path)

    assert (response.status_code, response.content_type) == (route.status, 'application/json')
    assert route.answer().validate(response.json) == {}
    assert_security_headers(response)
    assert response.headers['X-RateLimit-Remaining'] == '119'


@EACH_READING_ROUTE
def test_head_is_answered_like_get_without_a_body(ask, run_id, route):
    head = ask('HEAD', run_id, route.path)
    assert (head.status_code, head.data) == (200, b'')
    assert_security_headers(head)
    assert head.headers['X-RateLimit-Remaining'] == '119'


def allowed_at(path):
    """Return the methods that a path allows."""
    methods = {route.method for route in ROUTES if route.path == path}
    return {*methods, 'OPTIONS', *({'HEAD'} if 'GET' in methods else ())}


@EACH_PATH
def test_another_method_is_flasks_405_whoever_sends_it_and_is_not_counted(ask, run_id, path):
    allowed = allowed_at(path)
    for method in METHODS - allowed:
        response = ask(method, run_id, path, token=None)
        assert (response.status_code, {*response.allow}) == (405, allowed), method
        assert 'X-RateLimit-Limit' not in response.headers


@EACH_PATH
def test_options_is_flasks_reads_no_token_and_is_not_counted(ask, engine, run_id, path):
    with record_statements(engine) as sent:
        response = ask('OPTIONS', run_id, path)

    assert sent == []
    assert (response.status_code, {*response.allow}) == (200, allowed_at(path))
    assert_security_headers(response)
    assert 'X-RateLimit-Limit' not in response.headers


@EACH_ROUTE
def test_a_stranger_learns_nothing_about_which_runs_exist(ask, run_id, route):
    there, missing, nonsense = (ask(route.method, run, route.path, token=None, query_string='limit=x')
                                for run in (run_id, 99, 'abc'))

    assert_error(there, 401, 'unauthorized', {})
    assert there.headers['WWW-Authenticate'] == 'Bearer realm="runs-api"'
    assert there.data == missing.data == nonsense.data


@EACH_ROUTE
def test_a_token_needs_the_scope_of_the_route(ask, run_id, alice, route):
    others = sorted(SCOPES - {route.scope})

    response = ask(route.method, run_id, route.path, token=seed.token(alice, others),
                   query_string='limit=x')

    assert_error(response, 403, 'forbidden', {'required_scope': route.scope, 'token_scopes': others})
    assert response.headers['WWW-Authenticate'] == (
        f'Bearer realm="runs-api", error="insufficient_scope", scope="{route.scope}"')
    assert ask(route.method, run_id, route.path, token=seed.token(alice, [route.scope])) == route.status


@EACH_ROUTE
def test_any_role_may_read_and_some_roles_may_retry(ask, run_id, route):
    allowed = [Role.admin, Role.tester, Role.contributor] if route.needs_retry_role else [*Role, None]

    for role in (*Role, None):
        response = ask(route.method, run_id, route.path, token=seed.token(seed.user(f'a {role}', role), [route.scope]))
        assert response.status_code == (route.status if role in allowed else 403), role


@EACH_ROUTE
def test_a_run_with_any_id_that_the_platform_can_store_is_found_and_others_are_not(ask, route):
    for run_id in (1, 2 ** 31 - 1):
        seed.run().id = run_id
        assert ask(route.method, run_id, route.path) != 404
    assert_error(ask(route.method, 99, route.path), 404, 'not_found', {'resource': 'run', 'id': 99})


@pytest.mark.parametrize('settings', [
    {'RUNS_API_RATE_LIMIT': '1 per minute', 'RUNS_API_READ_RATE_LIMIT': '1 per minute'}], ids=['limits'])
@EACH_ROUTE
def test_each_route_is_limited(ask, run_id, route):
    assert ask(route.method, run_id, route.path) == route.status
    assert_error(ask(route.method, run_id, route.path), 429, 'rate_limited')


# Pages

#: By the parameter its values, each with the message; None if the value is allowed.
VALUES = {
    'limit': [('1', None), ('100', None), ('007', None),
              *[(wrong, 'Must be greater than or equal to 1 and less than or equal to 100.')
                for wrong in ('0', '101', '-1', '9' * 4300)]],
    'offset': [('0', None), ('-0', None), ('2147483647', None),
               *[(wrong, 'Must be greater than or equal to 0 and less than or equal to 2147483647.')
                 for wrong in ('-1', '2147483648', '-' + '9' * 4300)]]}
NO_INTEGERS = ['', '-', 'x', '1.5', ' 1', '+1', '1_0', '0x1', '٣', '²', '1\0', 'null', '[]', '9' * 4301]


@EACH_LIST
def test_a_wrong_page_is_refused_with_a_true_message(ask, run_id, route):
    for name in VALUES:
        for value, message in [*VALUES[name], *[(value, 'Not a valid integer.') for value in NO_INTEGERS]]:
            response = ask(route.method, run_id, route.path, query_string={name: value})
            if message is None:
                assert response == route.status, value
            else:
                assert_error(response, 422, 'unprocessable', {'fields': {name: [message]}})


@EACH_ROUTE
def test_an_unknown_parameter_is_ignored(ask, run_id, route):
    for query in ('page=x', 'limit[]=x', 'verdicts=x', 'verdict[0]=x', '=x'):
        assert ask(route.method, run_id, route.path, query_string=query) == route.status, query


def test_a_list_in_another_notation_is_refused_because_it_would_filter_nothing(ask, run_id):
    for query in ('verdict[]=flaky', 'verdict%5B%5D=', 'verdict=flaky&verdict[]=passed'):
        assert_error(ask('GET', run_id, 'verdict', query_string=query), 422, 'unprocessable', {
            'fields': {'verdict[]': ['Unknown parameter. Repeat "verdict" instead.']}})
