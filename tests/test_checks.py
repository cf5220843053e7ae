"""``RUNS_API_BEFORE_RETRY``: checks that may refuse a retry (docs/settings.rst). The ready-made ones: on_github."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
from application import create_app
from support.api import ApiCall
from support.rows import Rows

from mod_runs_api import Unprocessable, retry_run


def checked_by(*functions: Any) -> pytest.MarkDecorator:
    """Set the checks of the application."""
    return pytest.mark.parametrize('app_settings', [{'RUNS_API_BEFORE_RETRY': list(functions)}], ids=['checks'])


def refuse(source: Any) -> str:
    """Refuse every retry."""
    return f'The build of {source.commit} for {source.platform} is gone.'


def fail(_source: Any) -> None:
    """Fail."""
    raise ValueError('secret')


def leave(_source: Any) -> None:
    """Fail in the worst way."""
    raise SystemExit('secret')


@dataclass
class Returns:
    """A check that returns some value. It is not hashable, and has no name of its own."""

    value: object

    def __call__(self, _source: Any) -> object:
        """Return it."""
        return self.value


@pytest.mark.parametrize('app_settings', [{'RUNS_API_BEFORE_RETRY': refuse}, {'RUNS_API_BEFORE_RETRY': (refuse,)}])
def test_a_check_may_refuse_a_retry_here_and_in_process(retry: ApiCall, run_id: int, rows: Rows) -> None:
    before = rows.snapshot()

    response = retry(run_id)

    assert response == 422
    assert response.json == {'code': 'unprocessable', 'message': 'The build of c0ffee for windows is gone.',
                             'details': {'run_id': run_id}}
    with pytest.raises(Unprocessable, match='is gone'):
        retry_run(run_id)
    assert rows.snapshot() == before
    assert rows.retries == []


@checked_by(Returns('x' * 501))
def test_a_refusal_is_cut_at_500_characters(retry: ApiCall, run_id: int) -> None:
    assert retry(run_id).json['message'] == 'x' * 500


@checked_by(fail, leave, refuse)
def test_a_check_that_fails_refuses_nothing_is_logged_and_does_not_silence_the_next(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    assert retry(run_id).json['message'] == 'The build of c0ffee for windows is gone.'

    assert 'RUNS_API_BEFORE_RETRY: fail failed with ValueError' in caplog.text
    assert 'RUNS_API_BEFORE_RETRY: leave failed with SystemExit' in caplog.text
    assert 'secret' not in caplog.text


NONSENSE = [False, 5, [], ['no'], b'no', {'no': 1}, object()]


@checked_by(Returns(None), Returns(''), *map(Returns, NONSENSE))
def test_a_check_that_returns_no_reason_refuses_nothing_and_nonsense_is_logged(
        retry: ApiCall, run_id: int, caplog: pytest.LogCaptureFixture) -> None:
    assert retry(run_id) == 202

    logged = re.findall('RUNS_API_BEFORE_RETRY: Returns returned ([a-z]+), which', caplog.text)
    assert logged == [type(value).__name__ for value in NONSENSE]


RECORDER = Mock(return_value=None)


@checked_by(RECORDER, RECORDER)
def test_a_check_is_called_once_with_the_run_and_only_for_a_retry_that_could_be_made(
        retry: ApiCall, run_id: int) -> None:
    RECORDER.reset_mock()
    new_run_id = retry(run_id, key='k').json['new_run_id']

    (source,), _ = RECORDER.call_args_list[0]
    assert (source.id, source.root_id, source.platform, source.test_type, source.fork_id, source.branch, source.commit,
            source.pr_nr, source.status) == (
        run_id, run_id, 'windows', 'pr', 1, 'pull_request', 'c0ffee', 7, 'completed')
    assert retry(run_id, key='k') == 202
    assert retry(99) == 404
    assert retry(new_run_id, {'failed_only': True}) == 422
    RECORDER.assert_called_once()

    retry(new_run_id)
    (source,), _ = RECORDER.call_args
    assert (source.id, source.root_id, source.status) == (new_run_id, run_id, None)


def test_none_means_no_check() -> None:
    assert create_app(RUNS_API_BEFORE_RETRY=None)
