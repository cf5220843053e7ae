"""What a host may hear of a retry, and say to it beforehand: ``run_retried`` and ``RUNS_API_BEFORE_RETRY``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import seed
from application import create_app
from database import db
from flask import Flask
from mod_auth.models import User
from mod_test.models import Test, TestPlatform
from support.api import ApiCall
from support.rows import Rows

from mod_runs_api import MountError, Unprocessable, retry_run, run_retried

Heard = list[tuple[Any, dict[str, Any]]]


@pytest.fixture
def source(app: Flask, alice: User) -> Test:
    """Give a completed run of two tests, of which one failed."""
    tests = [seed.regression_test() for _ in range(2)]
    source = seed.run(tests, stages=seed.COMPLETED, platform=TestPlatform.windows, commit='c0ffee')
    seed.result(source, tests[0])
    db.session.commit()
    app.preprocess_request()
    return source


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Record what the signal says."""
    said: Heard = []

    def hear(sender: Any, **facts: Any) -> None:
        said.append((sender, facts))

    run_retried.connect(hear)
    yield said
    run_retried.disconnect(hear)


def test_receivers_hear_of_a_retry(app: Flask, retry: ApiCall, source: Test, alice: User, heard: Heard) -> None:
    new_run_id = retry(source, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']

    assert heard == [(app, {'run_id': source.id, 'new_run_id': new_run_id, 'failed_only': True,
                            'reason': 'flaky VM', 'requester_id': alice.id})]


def test_receivers_hear_of_a_retry_in_process(app: Flask, source: Test, heard: Heard) -> None:
    made = retry_run(source.id)

    assert heard == [(app, {'run_id': source.id, 'new_run_id': made.new_run_id, 'failed_only': False,
                            'reason': None, 'requester_id': None})]


def test_receivers_hear_of_it_when_it_is_committed(source: Test, rows: Rows) -> None:
    seen: list[list[int]] = []

    def look(_: Any, new_run_id: int, **__: Any) -> None:
        db.session.rollback()  # The database of this test has one connection: what is not committed goes now.
        seen.append(rows.selection(new_run_id))

    with run_retried.connected_to(look):
        retry_run(source.id)

    assert seen == [rows.selection(source.id)]


def test_receivers_hear_nothing_of_refusals_and_replays(retry: ApiCall, source: Test, heard: Heard) -> None:
    retry(source, key='k')
    retry(source, key='k')
    retry(99)
    retry(source, {'no': 1})

    assert len(heard) == 1


def test_a_receiver_that_fails_does_not_harm_the_retry(
        retry: ApiCall, source: Test, heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Any, **__: Any) -> None:
        raise RuntimeError('secret')

    with run_retried.connected_to(fail):
        assert retry(source).status_code == 202

    assert len(heard) == 1
    assert 'run_retried: the receiver fail failed with RuntimeError' in caplog.text
    assert 'secret' not in caplog.text


def test_a_check_may_refuse_a_retry(app: Flask, retry: ApiCall, source: Test, rows: Rows, heard: Heard) -> None:
    asked = []

    def check(run: Any) -> str:
        asked.append((run.id, run.platform, run.commit))
        return 'The build is gone.'

    app.config['RUNS_API_BEFORE_RETRY'] = check
    before = rows.snapshot()

    response = retry(source)

    assert response.status_code == 422
    assert response.json == {'code': 'unprocessable', 'message': 'The build is gone.',
                             'details': {'run_id': source.id}}
    assert asked == [(source.id, 'windows', 'c0ffee')]
    assert rows.snapshot() == before
    assert rows.of('run_retry') == []
    assert heard == []


def test_a_check_holds_in_process_too(app: Flask, source: Test) -> None:
    app.config['RUNS_API_BEFORE_RETRY'] = lambda run: f'Not run {run.id}.'

    with pytest.raises(Unprocessable, match=f'Not run {source.id}.'):
        retry_run(source.id)


def test_a_check_without_an_objection_lets_it_pass(app: Flask, retry: ApiCall, source: Test) -> None:
    app.config['RUNS_API_BEFORE_RETRY'] = lambda run: None

    assert retry(source).status_code == 202


def test_a_check_is_not_asked_about_what_is_refused_or_made_already(app: Flask, retry: ApiCall, source: Test) -> None:
    first = retry(source, key='k')
    asked = []
    app.config['RUNS_API_BEFORE_RETRY'] = asked.append

    assert retry(source, key='k').data == first.data
    assert retry(99).status_code == 404
    assert retry(first.json['new_run_id'], {'failed_only': True}).status_code == 422
    assert asked == []


def test_a_check_that_cannot_be_called_is_refused_at_the_mount() -> None:
    with pytest.raises(MountError, match='RUNS_API_BEFORE_RETRY must be callable'):
        create_app(RUNS_API_BEFORE_RETRY='mod_ci.checks')
