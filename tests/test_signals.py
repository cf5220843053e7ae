"""``run_retried`` and ``attempts_ended`` (docs/python-and-command-line.rst, "Signals")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from typing import Any

import pytest
import seed
from database import db
from flask import Flask, g
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestProgress, TestStatus
from support.api import ApiCall
from support.histories import end, finish, retry_in_process
from support.rows import Rows
from support.statements import before_statements, fail

from mod_runs_api import (attempts_ended, attempts_verdict, retry_run,
                          run_retried)

#: The senders of signals and what they were sent with.
Signals = list[tuple[Any, dict[str, Any]]]


@pytest.fixture
def sent() -> Iterator[Signals]:
    """Yield the signals that are sent during the test."""
    received: Signals = []

    def receive(sender: Any, **facts: Any) -> None:
        received.append((sender, facts))

    with run_retried.connected_to(receive), attempts_ended.connected_to(receive):
        yield received


# A retry


def test_a_retry_is_signalled(app: Flask, retry: ApiCall, run_id: int, alice: User, sent: Signals) -> None:
    second = retry(run_id, {'failed_only': True, 'reason': 'flaky VM'}).json['new_run_id']
    third = retry_run(second).new_run_id

    assert sent == [
        (app, {'run_id': run_id, 'new_run_id': second, 'failed_only': True, 'reason': 'flaky VM',
               'requester_id': alice.id}),
        (app, {'run_id': second, 'new_run_id': third, 'failed_only': False, 'reason': None, 'requester_id': None})]


def test_the_signal_is_sent_after_the_commit(run_id: int, rows: Rows) -> None:
    seen: list[list[int]] = []

    def look(_: Any, new_run_id: int, **__: Any) -> None:
        db.session.rollback()  # The database of this test has one connection: what is not committed is lost now.
        seen.append(rows.selection(new_run_id))

    with run_retried.connected_to(look):
        retry_run(run_id)

    assert seen == [rows.selection(run_id)]


def test_refusals_and_replays_are_not_signalled(retry: ApiCall, run_id: int, sent: Signals) -> None:
    for run, request in ((run_id, {'key': 'k'}), (run_id, {'key': 'k'}), (99, {}), (run_id, {'body': {'no': 1}})):
        retry(run, **request)

    assert len(sent) == 1


# An end


def test_an_end_says_what_the_attempts_prove(app: Flask, sent: Signals, first: int,
                                             tests: list[RegressionTest]) -> None:
    second, third = (retry_in_process(first, failed_only=True) for _ in range(2))
    sent.clear()

    finish(second, tests[1:], failed=tests[1:])
    finish(third, tests[1:])

    assert sent == [(app, {'run_id': second, 'root_run_id': first, 'overall': 'pending'}),
                    (app, {'run_id': third, 'root_run_id': first, 'overall': 'unstable'})]


def test_the_first_run_may_end_last(sent: Signals, tests: list[RegressionTest]) -> None:
    stuck = seed.run(tests, stages=[TestStatus.testing]).id
    second = retry_in_process(stuck)
    sent.clear()

    finish(second, tests)
    end(stuck, TestStatus.canceled)

    assert [(facts['run_id'], facts['overall']) for _, facts in sent] == [(second, 'pending'), (stuck, 'pass')]


@pytest.mark.parametrize('undo', [
    lambda savepoint: savepoint.rollback(), lambda _: db.session.rollback(), lambda _: db.session.close()])
def test_an_end_that_is_undone_is_not_signalled(sent: Signals, first: int, undo: Callable[[Any], None]) -> None:
    new = retry_in_process(first)
    sent.clear()
    savepoint = db.session.begin_nested()
    db.session.add(TestProgress(new, TestStatus.completed, ''))
    db.session.flush()

    undo(savepoint)
    db.session.commit()

    assert sent == []


def test_a_run_that_was_never_retried_and_a_stage_that_is_no_end_are_not_signalled(sent: Signals, first: int) -> None:
    end(first)
    assert sent == []
    new = retry_in_process(first)
    sent.clear()

    end(new, TestStatus.testing)

    assert sent == []


@pytest.mark.parametrize(('statement', 'is_sent', 'logged'), [
    ('INSERT INTO run_carried_over', True, '"flask runs-api carry-over {run_id}" does it'),
    ('SELECT', False, 'run {run_id} has ended, but attempts_ended is not sent')])
def test_a_database_that_fails_meanwhile_costs_no_end(
        sent: Signals, first: int, caplog: pytest.LogCaptureFixture, statement: str, is_sent: bool,
        logged: str) -> None:
    new = retry_in_process(first, failed_only=True)
    sent.clear()

    with before_statements(db.engine, statement, fail):
        end(new)

    assert len(sent) == is_sent
    assert logged.format(run_id=new) in caplog.text
    assert g.db.get_one(Test, new).finished


# Receivers that fail


@pytest.mark.parametrize('error', [SystemExit(1), RuntimeError('secret')], ids=lambda error: type(error).__name__)
def test_a_receiver_that_fails_costs_neither_the_retry_nor_the_end_nor_the_next_receiver(
        retry: ApiCall, first: int, sent: Signals, caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    def failing(_app: Flask, **_facts: Any) -> None:
        raise error

    def failing_too(app: Flask, **_facts: Any) -> None:
        failing(app)

    with ExitStack() as connections:
        for signal, receiver in product((run_retried, attempts_ended), (failing, failing_too)):
            connections.enter_context(signal.connected_to(receiver))
        response = retry(first)
        end(response.json['new_run_id'])

    assert response == 202
    assert len(sent) == 2
    # Receivers are called in any order: of two that fail, one is the next.
    for name, receiver in product(('run-retried', 'attempts-ended'), ('failing', 'failing_too')):
        assert f'{name}: the receiver {receiver} failed with {type(error).__name__}' in caplog.text
    assert 'secret' not in caplog.text
    assert len(attempts_verdict(first).attempts) == 2
