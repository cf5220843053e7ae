"""``run_retried`` and ``RUNS_API_BEFORE_RETRY`` (contract section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
import seed
from application import create_app, dispose
from database import db
from flask import Flask
from mod_auth.models import User
from sqlalchemy import text
from support.api import ApiCall
from support.rows import Rows

from mod_runs_api import MountError, Unprocessable, retry_run, run_retried
from mod_runs_api.retry import Source

#: A signal's sender and its arguments.
Signals = list[tuple[Any, dict[str, Any]]]


@pytest.fixture
def signals() -> Iterator[Signals]:
    """Yield the signals that are sent during the test."""
    received: Signals = []

    def receive(sender: Any, **arguments: Any) -> None:
        received.append((sender, arguments))

    with run_retried.connected_to(receive):
        yield received


def checks(*functions: Any) -> pytest.MarkDecorator:
    """Set the checks of the application."""
    return pytest.mark.parametrize('app_settings', [{'RUNS_API_BEFORE_RETRY': list(functions)}], ids=['checks'])


# The signal


def test_a_retry_is_signalled(app: Flask, retry: ApiCall, run_id: int, alice: User, signals: Signals) -> None:
    new_run_id = retry(run_id, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']

    assert signals == [(app, {'run_id': run_id, 'new_run_id': new_run_id, 'failed_only': True,
                              'reason': 'flaky VM', 'requester_id': alice.id})]


def test_a_retry_in_process_is_signalled(app: Flask, run_id: int, signals: Signals) -> None:
    created = retry_run(run_id)

    assert signals == [(app, {'run_id': run_id, 'new_run_id': created.new_run_id, 'failed_only': False,
                              'reason': None, 'requester_id': None})]


def test_the_signal_is_sent_after_the_commit(run_id: int, rows: Rows) -> None:
    seen: list[list[int]] = []

    def look(_: Any, new_run_id: int, **__: Any) -> None:
        db.session.rollback()  # The database of this test has one connection: what is not committed is lost now.
        seen.append(rows.selection(new_run_id))

    with run_retried.connected_to(look):
        retry_run(run_id)

    assert seen == [rows.selection(run_id)]


def test_refusals_and_replays_are_not_signalled(retry: ApiCall, run_id: int, signals: Signals) -> None:
    retry(run_id, key='k')
    retry(run_id, key='k')
    retry(99)
    retry(run_id, {'no': 1})

    assert len(signals) == 1


@pytest.mark.parametrize('error', [RuntimeError, SystemExit])
def test_a_receiver_that_fails_harms_neither_the_retry_nor_the_others(
        retry: ApiCall, run_id: int, signals: Signals, caplog: pytest.LogCaptureFixture,
        error: type[BaseException]) -> None:
    def fail(_: Any, **__: Any) -> None:
        raise error('secret')

    with run_retried.connected_to(fail):
        assert retry(run_id).status_code == 202

    assert len(signals) == 1
    assert f'run-retried: the receiver fail failed with {error.__name__}' in caplog.text
    assert 'secret' not in caplog.text


# The checks


def allow(source: Source) -> None:
    """Allow every retry."""


def allow_with_an_empty_string(source: Source) -> str:
    """Allow every retry."""
    return ''


def refuse(source: Source) -> str:
    """Refuse every retry."""
    return f'The build of {source.commit} for {source.platform} is gone.'


def fail(source: Source) -> None:
    """Fail."""
    raise ValueError('secret')


class ReturnsNonsense:
    """A check that returns neither a string nor None."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __call__(self, source: Source) -> object:
        """Return it."""
        return self.value


def leave(source: Source) -> None:
    """Fail in the worst way."""
    raise SystemExit('secret')


@checks(refuse)
def test_a_check_may_refuse_a_retry(retry: ApiCall, run_id: int, rows: Rows, signals: Signals) -> None:
    before = rows.snapshot()

    response = retry(run_id)

    assert response.status_code == 422
    assert response.json == {'code': 'unprocessable', 'message': 'The build of c0ffee for windows is gone.',
                             'details': {'run_id': run_id}}
    assert rows.snapshot() == before
    assert rows.of('run_retry') == []
    assert signals == []


@pytest.mark.parametrize('app_settings', [{'RUNS_API_BEFORE_RETRY': refuse}])
def test_one_check_needs_no_list(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id).status_code == 422


@checks(refuse)
def test_a_check_applies_in_process_too(run_id: int) -> None:
    with pytest.raises(Unprocessable, match='is gone'):
        retry_run(run_id)


@checks(allow, allow_with_an_empty_string)
def test_a_check_that_returns_nothing_allows_the_retry(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    assert retry(run_id).status_code == 202
    assert 'RUNS_API_BEFORE_RETRY' not in caplog.text


@checks(fail, leave)
def test_a_check_that_fails_refuses_nothing_and_is_logged(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    assert retry(run_id).status_code == 202

    assert 'RUNS_API_BEFORE_RETRY: fail failed with ValueError' in caplog.text
    assert 'RUNS_API_BEFORE_RETRY: leave failed with SystemExit' in caplog.text
    assert 'secret' not in caplog.text


NONSENSE = [False, True, 0, 1, [], ['no'], b'no', {'no': 1}, object()]


@pytest.mark.parametrize('app_settings', [{'RUNS_API_BEFORE_RETRY': [ReturnsNonsense(value) for value in NONSENSE]}])
def test_a_check_that_returns_nonsense_refuses_nothing_and_is_logged(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    assert retry(run_id).status_code == 202

    logged = re.findall('RUNS_API_BEFORE_RETRY: ReturnsNonsense returned ([a-z]+), which', caplog.text)
    assert logged == [type(value).__name__ for value in NONSENSE]


@checks(fail, refuse)
def test_a_check_that_fails_does_not_silence_the_next(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id).status_code == 422


@pytest.fixture
def recorder() -> Mock:
    """Return a check that allows every retry and records how it is called."""
    return Mock(return_value=None)


@pytest.fixture
def app_settings(recorder: Mock) -> dict[str, Any]:
    """Set the recording check as the only one, unless a test sets others."""
    return {'RUNS_API_BEFORE_RETRY': recorder}


def test_a_check_is_called_once_with_the_run(retry: ApiCall, recorder: Mock, run_id: int) -> None:
    retry(run_id)

    recorder.assert_called_once_with(Source(
        id=run_id, platform='windows', test_type='pr', fork_id=1, branch='pull_request', commit='c0ffee', pr_nr=7,
        status='completed', root_id=run_id))


def test_a_check_that_is_listed_twice_is_called_once(recorder: Mock) -> None:
    app = create_app(RUNS_API_BEFORE_RETRY=[recorder, recorder])
    with app.test_request_context():
        app.preprocess_request()
        run_id = seed.run([seed.regression_test()]).id
        db.session.commit()
        retry_run(run_id)
    dispose(app)

    recorder.assert_called_once()


@dataclass
class UnhashableCheck:
    """Allow every retry."""

    def __call__(self, source: Source) -> None:
        """Allow it."""


@pytest.mark.parametrize('app_settings', [{'RUNS_API_BEFORE_RETRY': UnhashableCheck()}])
def test_a_check_need_not_be_hashable(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id).status_code == 202


def read_the_database(source: Source) -> None:
    """Use a connection of the host's."""
    db.session.execute(text('SELECT 1'))


@pytest.mark.on_file
@pytest.mark.parametrize('app_settings', [{
    'RUNS_API_BEFORE_RETRY': read_the_database,
    'SQLALCHEMY_ENGINE_OPTIONS': {'pool_size': 1, 'max_overflow': 0, 'pool_timeout': 0.1}}])
def test_a_check_is_called_while_the_package_uses_no_connection(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    assert retry(run_id).status_code == 202
    assert 'RUNS_API_BEFORE_RETRY' not in caplog.text


def test_a_check_is_not_called_for_a_retry_that_is_refused_anyway(
        retry: ApiCall, recorder: Mock, run_id: int) -> None:
    new_run_id = retry(run_id).json['new_run_id']
    recorder.reset_mock()

    assert retry(99).status_code == 404
    assert retry(new_run_id, {'failed_only': True}).status_code == 422
    recorder.assert_not_called()


def test_a_check_is_not_called_for_a_replay(retry: ApiCall, recorder: Mock, run_id: int) -> None:
    first = retry(run_id, key='k')
    recorder.reset_mock()

    assert retry(run_id, key='k').data == first.data
    recorder.assert_not_called()


@pytest.mark.parametrize('value', ['mod_ci.checks', [allow, 'mod_ci.checks'], 5])
def test_registration_fails_if_a_check_cannot_be_called(value: object) -> None:
    with pytest.raises(MountError, match='RUNS_API_BEFORE_RETRY must be a callable or a list of callables'):
        create_app(RUNS_API_BEFORE_RETRY=value)


def test_none_means_no_check() -> None:
    assert create_app(RUNS_API_BEFORE_RETRY=None)
