"""The package listens to the platform's sessions for runs that complete (platform/sessions.py)."""

import pytest
from application import create_app, dispose
from database import db
from mod_test.models import TestProgress, TestStatus
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from support.histories import retry_in_process as retry
from support.statements import record_statements

pytestmark = pytest.mark.usefixtures('app')


def write_end(run_id):
    """Write the end of a run in the open transaction."""
    db.session.add(TestProgress(run_id, TestStatus.completed, ''))
    db.session.flush()


def test_an_end_that_is_rolled_back_is_forgotten(rows, first):
    new = retry(first, failed_only=True)
    write_end(new)
    db.session.rollback()

    with record_statements(Engine) as sent:
        db.session.add(TestProgress(new, TestStatus.preparation, ''))
        db.session.commit()

    assert [statement.partition(' (')[0] for statement in sent] == ['INSERT INTO test_progress']
    write_end(new)
    db.session.commit()
    assert rows.carried_over(new)


def test_an_end_in_a_savepoint_that_is_rolled_back_carries_nothing_over(rows, first, caplog):
    new = retry(first, failed_only=True)
    with db.session.begin_nested() as savepoint:
        write_end(new)
        savepoint.rollback()
    db.session.commit()

    assert rows.carried_over(new) == {}
    assert caplog.messages == []
    write_end(new)
    db.session.commit()
    assert rows.carried_over(new)


def test_another_application_that_mounts_the_package_adds_no_listener():
    before = [*Session().dispatch.after_transaction_end]

    dispose(create_app('sqlite://'))

    assert [*Session().dispatch.after_transaction_end] == before != []
