"""
What the package leaves of the host's connections and of its session (docs/operations.rst, "The database").

The host holds a connection in its requests: if the package took a second one, a full pool could lock all requests up.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from database import db
from flask import Flask, Response
from mod_auth.models import User
from mod_test.models import Test
from sqlalchemy import select, text
from support.api import ApiCall
from support.histories import end
from support.visitor import Visitor

from mod_runs_api import retry_run

pytestmark = pytest.mark.on_file


def read_the_database(_run: object) -> None:
    """Use a connection of the host's, as a check may."""
    db.session.execute(text('SELECT 1'))


@pytest.mark.parametrize('app_settings', [{
    'SQLALCHEMY_ENGINE_OPTIONS': {'pool_size': 1, 'max_overflow': 0, 'pool_timeout': 0.1},
    'RUNS_API_BEFORE_RETRY': read_the_database}])
def test_each_request_each_page_and_an_end_need_one_connection(
        retry: ApiCall, attempts: ApiCall, verdict: ApiCall, visitor: Visitor, token: str, run_id: int,
        caplog: pytest.LogCaptureFixture) -> None:
    db.session.remove()

    for _ in range(2):
        new_run_id = retry(run_id, {'failed_only': True}, key='k').json['new_run_id']
    assert [attempts(run_id).status_code, verdict(run_id).status_code] == [200, 200]
    assert visitor.press(run_id) == 202
    assert 'runs-api-history' in visitor.page(f'/test/{new_run_id}')
    # With the session of a page, and with a token beside it.
    for headers in ({'X-CSRFToken': visitor.csrf_token(run_id)}, {'Authorization': f'Bearer {token}'}):
        assert visitor.client.open(f'/api/v1/runs/{run_id}/retry', headers=headers) == 200
    assert 'RUNS_API_BEFORE_RETRY' not in caplog.text

    end(new_run_id)
    assert attempts(run_id).json['data'][1]['carried_over'] == 3


def add_a_user() -> None:
    """Leave a new row pending."""
    db.session.add(User(name='pending', password=''))


def change_a_user() -> None:
    """Leave a change pending."""
    db.session.scalars(select(User).where(User.name == 'olga')).one().name = 'pending'


def delete_a_user() -> None:
    """Leave a deletion pending."""
    db.session.delete(db.session.scalars(select(User).where(User.name == 'olga')).one())


@pytest.mark.parametrize('hook', [add_a_user, change_a_user, delete_a_user])
def test_what_a_hook_has_pending_stays_pending_in_a_request_for_a_retry(
        app: Flask, retry: ApiCall, run_id: int, hook: Callable[[], None]) -> None:
    still_pending: list[int] = []

    def look(response: Response) -> Response:
        session = db.session
        still_pending.append(len(session.new) + len(session.dirty) + len(session.deleted))
        return response

    app.before_request(hook)
    app.after_request(look)

    assert retry(run_id) == 202
    assert still_pending == [1]


def test_what_a_caller_in_process_has_pending_is_neither_committed_nor_lost_and_the_retry_stays(run_id: int) -> None:
    add_a_user()

    new_run_id = retry_run(run_id).new_run_id

    assert [row.name for row in db.session.new] == ['pending']
    db.session.rollback()
    assert db.session.scalars(select(User).where(User.name == 'pending')).all() == []
    assert db.session.get_one(Test, new_run_id)
