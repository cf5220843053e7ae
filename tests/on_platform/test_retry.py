"""A retry on the real platform, over HTTP: what it writes and what is refused (docs/api.rst)."""

import json

import pytest

from .protocol import BOTH, CRASH, PASSWORD, differs

pytestmark = BOTH

CONFIGURATION = ('platform', 'test_type', 'fork_id', 'branch', 'commit', 'pr_nr')


def token_of(story, name, role):
    """Add a person, have the platform give them a token, and return its header."""
    story.process.call('add_people', people={name: role}, password=PASSWORD)
    # The platform allows an address five new tokens in a quarter of an hour.
    sent_for = {'X-Forwarded-For': f'192.0.2.{story.user_id % 256}'}
    answer = story.process.call('ask', method='POST', path='/api/v1/auth/tokens', headers=sent_for, json_body={
        'email': f'{name}@example.com', 'password': PASSWORD, 'token_name': name, 'scopes': ['runs:write']})
    assert answer['status'] == 201, answer
    return {'Authorization': f'Bearer {json.loads(answer["body"])["token"]}'}


@pytest.mark.parametrize('failed_only', [False, True])
def test_a_token_of_the_platform_is_good_for_a_retry_that_adds_rows_and_changes_none(story, failed_only):
    tests = story.tests(3)
    run_id = story.push(tests, branch='feature/subtitles')
    source = story.complete(run_id, {tests[1]: CRASH, tests[2]: differs('another')})
    story.rows.add('test_fork', test_id=source, user_id=story.user_id)
    alice = token_of(story, 'alice', 'contributor')
    before = story.rows.snapshot()

    body = {'failed_only': failed_only, 'reason': 'flaky VM \N{CLAPPER BOARD}'}
    answer = story.request('POST', f'/runs/{source}/retry', headers=alice, json_body=body)

    assert answer['status'] == 202, answer
    made = json.loads(answer['body'])['new_run_id']
    after = story.rows.snapshot()
    assert {table for table in after if before[table] - after[table]} == set()
    assert {table for table in after if after[table] - before[table]} == {'test', 'customized_test', 'test_fork'}
    assert story.rows.selection(made) == tests[1 if failed_only else 0:]
    old, new = story.run(source), story.run(made)
    assert {name: new[name] for name in CONFIGURATION} == {name: old[name] for name in CONFIGURATION}
    assert set(new) == {'id', 'token', *CONFIGURATION}
    assert len(new['token']) == 64 and new['token'] != old['token']
    assert len(story.rows.values('test_fork', 'user_id', test_id=made)) == 2
    # The platform shows it where Location says.
    assert answer['headers']['location'] == f'/api/v1/runs/{made}'
    assert story.ask('GET', f'/runs/{made}')['status'] == 'queued'


def test_the_platforms_own_error_pages_stay_away_from_what_is_refused(story):
    run_id, missing, adam = story.push(story.tests(1)), 2 ** 31 - 1, story.authorization
    as_json, as_text = ({**adam, 'Content-Type': kind} for kind in ('application/json', 'text/plain'))
    nora = token_of(story, 'nora', None)
    for status, code, method, refused, request in (
            (400, 'bad_request', 'POST', run_id, {'file': '{', 'headers': as_json}),
            (415, 'unsupported_media_type', 'POST', run_id, {'file': '{}', 'headers': as_text}),
            (413, 'payload_too_large', 'POST', run_id, {'json_body': {'reason': 'x' * 20_000}}),
            (404, 'not_found', 'POST', missing, {}),
            (401, 'unauthorized', 'POST', missing, {'headers': {}}),
            (403, 'forbidden', 'POST', missing, {'headers': nora})):
        answer = story.request(method, f'/runs/{refused}/retry', **request)

        body = json.loads(answer['body'])
        assert (answer['status'], body['code'], body.keys()) == (status, code, {'code', 'message', 'details'})
        assert answer['headers']['content-type'] == 'application/json'
        assert answer['headers'].keys() >= {'x-ratelimit-limit', 'x-ratelimit-remaining', 'content-security-policy'}


def test_another_method_is_405_in_json_with_allow_as_on_the_platforms_own_routes(story):
    run_id = story.push(story.tests(1))
    own = story.request('FROBNICATE', f'/runs/{run_id}')
    assert own['status'] == 405

    for route, allowed in (('retry', {'GET', 'HEAD', 'OPTIONS', 'POST'}), ('verdict', {'GET', 'HEAD', 'OPTIONS'})):
        for method in ('DELETE', 'FROBNICATE'):
            answer = story.request(method, f'/runs/{run_id}/{route}')
            assert {**answer, 'headers': None} == {**own, 'headers': None}
            assert {*answer['headers'].pop('allow').split(', ')} == allowed
            assert answer['headers'].keys() == own['headers'].keys() - {'allow'}
    assert json.loads(own['body']) == {'code': 'method_not_allowed', 'message': 'Method not allowed.', 'details': {}}


def test_options_is_answered_as_on_the_platforms_own_routes(story):
    run_id = story.push(story.tests(1))

    own, answer = (story.request('OPTIONS', f'/runs/{run_id}{route}') for route in ('', '/retry'))

    assert (own['status'], answer['status']) == (200, 200)
    assert {*answer['headers']['allow'].split(', ')} == {'GET', 'HEAD', 'OPTIONS', 'POST'}
