"""
Comments on GitHub, in the real platform's webhook with the recipe of the docs in it.

Run as a script, this file is what happens inside the copy of the platform: deliveries, and what came of them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from textwrap import indent
from typing import Any
from unittest import mock

import pytest
from checkout import Platform, copy
from documented import literal_block
from rows import Rows

pytestmark = pytest.mark.platform

PAGE = 'docs/github.rst'

#: The numbers of alice's and of mallory's account on GitHub.
ALICE, MALLORY = 583231, 666

Deliver = Callable[..., Any]


def insert_before(file: Path, anchor: str, text: str) -> None:
    """Put text before a line that is there once."""
    content = file.read_text()
    assert content.count(anchor) == 1
    file.write_text(content.replace(anchor, text + anchor))


@pytest.fixture(scope='session')
def listening(unmounted: Platform) -> Platform:
    """Give a copy of the platform with everything about GitHub that the docs say."""
    platform = copy(unmounted, 'listening', mounted=True)
    controllers = platform.path / 'mod_ci' / 'controllers.py'
    insert_before(controllers, 'from mod_customized.models import', literal_block(
        PAGE, 'from mod_runs_api.github import retry_from_comment'))
    insert_before(controllers, '        elif event == "issues":\n', indent(
        literal_block(PAGE, 'elif event == "issue_comment":') + '\n', '        ', lambda line: bool(line.strip())))
    with open(platform.path / 'run.py', 'a') as run:
        run.write(literal_block(PAGE, 'from mod_runs_api import run_retried'))
    with open(platform.path / 'config.py', 'a') as config:
        config.write(literal_block(PAGE, 'from mod_runs_api.github import build_artifact_exists'))
    return platform


@pytest.fixture
def deliver(listening: Platform, own_rows: Rows) -> Deliver:
    """Have GitHub send payloads, one request each; the builds of some commits are kept."""
    def send(*payloads: Any, builds: Iterable[str] = (), key: str = 'not a secret') -> Any:
        done = listening.run(__file__, database=own_rows.address, sent=json.dumps(
            {'payloads': payloads, 'builds': list(builds), 'key': key}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return send


@pytest.fixture
def alice(own_rows: Rows, listening: Platform) -> int:
    """Give a contributor who is known on GitHub."""
    found = own_rows.of('user', name='alice')
    if found:
        return int(found[0]['id'])
    alice_id = int(listening.inside('add_people', own_rows.address, people={'alice': 'contributor'},
                                    password='irrelevant')['alice'])
    own_rows.set('user', alice_id, github_login='alice-gh')
    return alice_id


@pytest.fixture
def run(own_rows: Rows, alice: int) -> Any:
    """Give a completed run of one test on Linux, which passed, in a pull request of its own."""
    test_id = own_rows.regression_test()
    run_id = own_rows.run([test_id])
    own_rows.result(run_id, test_id)
    return own_rows.one('test', id=run_id)


def payload(run: Any, body: str = '/retry linux because the VM froze', login: str = 'Alice-GH',
            account: int = ALICE) -> Any:
    """Describe a comment on the pull request of a run, as far as it is looked at."""
    return {'action': 'created',
            'issue': {'number': run['pr_nr'], 'state': 'open', 'pull_request': {'merged_at': None}},
            'comment': {'id': 99262140, 'body': body, 'user': {'login': login, 'id': account, 'type': 'User'},
                        'performed_via_github_app': None},
            'repository': {'full_name': 'CCExtractor/ccextractor'}}


def test_a_signed_comment_makes_a_retry_and_is_answered(
        deliver: Deliver, own_rows: Rows, run: Any, alice: int) -> None:
    seen = deliver(payload(run), builds=[run['commit']])

    made = own_rows.one('run_retry', source_test_id=run['id'])
    address = f'http://localhost/test/{made["test_id"]}'
    assert seen['statuses'] == [200]
    assert (made['user_id'], made['reason'], made['failed_only']) == (alice, b'the VM froze', 0)
    assert seen['answers'] == [[run['pr_nr'], f'- linux: run {run["id"]} is queued again as '
                                              f'[run {made["test_id"]}]({address}), with 1 test.']]
    assert seen['commit_statuses'] == [{'commit': run['commit'], 'state': 'pending', 'description': 'Tests queued',
                                        'context': 'CI - linux', 'target_url': address}]


def test_the_same_delivery_makes_nothing_more(deliver: Deliver, own_rows: Rows, run: Any) -> None:
    seen = deliver(payload(run), payload(run), builds=[run['commit']])

    assert seen['statuses'] == [200, 200]
    assert len(own_rows.of('run_retry', source_test_id=run['id'])) == len(seen['commit_statuses']) == 1
    assert 'is queued again already' in seen['answers'][1][1]
    assert own_rows.of('run_retry', source_test_id=own_rows.one('run_retry', source_test_id=run['id'])['test_id']) == []


def test_a_run_whose_build_is_gone_is_refused(deliver: Deliver, own_rows: Rows, run: Any) -> None:
    (_, answer), = deliver(payload(run), builds=['0' * 40])['answers']

    assert answer.startswith(f'- linux: run {run["id"]} is not retried. GitHub has no build of commit')
    assert own_rows.of('run_retry', source_test_id=run['id']) == []


@pytest.mark.parametrize('login', ['mallory', '\u00e1lice-gh', 'alice-gh '])
def test_a_stranger_is_told_why_not(deliver: Deliver, own_rows: Rows, run: Any, login: str) -> None:
    (_, answer), = deliver(payload(run, login=login, account=MALLORY), builds=[run['commit']])['answers']

    assert answer.startswith('No run is retried. The GitHub account ')
    assert own_rows.of('run_retry', source_test_id=run['id']) == []


@pytest.mark.parametrize('stored', ['\u00e1lice-gh', 'alice-gh '])
def test_the_databases_collation_does_not_make_a_person_of_another(
        deliver: Deliver, own_rows: Rows, run: Any, alice: int, stored: str) -> None:
    own_rows.set('user', alice, github_login=stored)
    try:
        (_, answer), = deliver(payload(run), builds=[run['commit']])['answers']
    finally:
        own_rows.set('user', alice, github_login='alice-gh')

    assert answer == 'No run is retried. The GitHub account Alice-GH belongs to nobody on this platform.'


def test_a_blocked_user_is_not_answered(deliver: Deliver, own_rows: Rows, run: Any) -> None:
    own_rows.add('blocked_users', user_id=MALLORY, comment='')

    seen = deliver(payload(run, account=MALLORY), builds=[run['commit']])

    assert (seen['statuses'], seen['answers']) == ([200], [])
    assert own_rows.of('run_retry', source_test_id=run['id']) == []


def test_a_comment_that_github_has_not_signed_does_nothing(deliver: Deliver, own_rows: Rows, run: Any) -> None:
    seen = deliver(payload(run), builds=[run['commit']], key='another')

    assert (seen['statuses'], seen['answers']) == ([418], [])
    assert own_rows.of('run_retry', source_test_id=run['id']) == []


def receive(payloads: list[Any], builds: list[str], key: str) -> dict[str, Any]:
    """Send payloads to the platform that this process is in, as one and the same delivery of GitHub's."""
    answers: list[tuple[int, str]] = []
    commit_statuses: list[dict[str, Any]] = []

    def get_issue(number: int) -> Any:
        return mock.Mock(create_comment=lambda body: answers.append((number, body)))

    def get_commit(sha: str) -> Any:
        return mock.Mock(create_status=lambda **status: commit_statuses.append({'commit': sha, **status}))

    with mock.patch('github.Github') as github:
        from mod_ci.controllers import Artifact_names
        from run import app
        repository = github.return_value.get_repo.return_value
        repository.get_issue, repository.get_commit = get_issue, get_commit
        repository.get_artifacts.return_value = [
            mock.Mock(workflow_run=mock.Mock(head_sha=sha), expired=False) for sha in builds]
        for artifact in repository.get_artifacts.return_value:
            artifact.name = Artifact_names.linux  # The one argument that a mock keeps for itself.

        statuses = []
        with mock.patch('requests.get') as get:
            get.return_value.json.return_value = {'hooks': ['127.0.0.0/8']}
            for payload in payloads:
                body = json.dumps(payload).encode()
                statuses.append(app.test_client().post(
                    '/start-ci', base_url='http://localhost', data=body, headers={
                        'X-GitHub-Event': 'issue_comment',
                        'X-GitHub-Delivery': f'72d3162e-cc78-11e3-81ab-{payload["issue"]["number"]:012x}',
                        'X-Hub-Signature': f'sha1={hmac.new(key.encode(), body, hashlib.sha1).hexdigest()}',
                        'User-Agent': 'GitHub-Hookshot/044aadd',
                        'Content-Type': 'application/json'}).status_code)
    return {'statuses': statuses, 'answers': answers, 'commit_statuses': commit_statuses}


if __name__ == '__main__':
    with redirect_stdout(sys.stderr):
        received = receive(**json.load(sys.stdin))
    json.dump(received, sys.stdout)
