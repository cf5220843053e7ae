"""Retries from code of the platform's own process (docs/python-and-command-line.rst, "Python")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from checkout import Platform
from rows import Rows

pytestmark = pytest.mark.platform


@dataclass(frozen=True)
class Amid:
    """A change that was pending during a retry, whether it was kept, and what was seen."""

    name: str
    kept: bool
    seen: dict[str, Any]


@pytest.fixture
def source(own_rows: Rows) -> int:
    """Give a completed run of one test, which passed."""
    test_id = own_rows.regression_test()
    run_id = own_rows.run([test_id])
    own_rows.result(run_id, test_id)
    return run_id


@pytest.fixture(params=['commit', 'rollback'])
def amid(request: pytest.FixtureRequest, own_rows: Rows, mounted: Platform, kind: str, source: int) -> Amid:
    """Retry a run while the caller has a change pending, which is then committed or rolled back."""
    name, kept = f'change {source}', request.param == 'commit'
    # Not flushed on SQLite, where that would lock the whole database.
    seen = mounted.inside('retry_amid_changes', own_rows.address, run_id=source, name=name,
                          flushed=kind == 'mariadb', kept=kept)
    return Amid(name, kept, seen)


def test_what_the_caller_has_pending_is_neither_committed_nor_lost(own_rows: Rows, amid: Amid) -> None:
    assert amid.seen['still_pending']
    assert amid.seen['changes_elsewhere'] == 0
    assert len(own_rows.of('general_data', key=amid.name)) == amid.kept


def test_the_new_run_is_there_whatever_the_caller_does_next(own_rows: Rows, source: int, amid: Amid) -> None:
    assert amid.seen['runs_elsewhere'] == 1
    assert amid.seen['runs_for_the_caller_afterwards'] == 1


def test_a_scheduled_job_goes_on_with_the_session_that_it_had(own_rows: Rows, mounted: Platform,
                                                              source: int) -> None:
    new_run_id = mounted.inside('retry_in_a_job', own_rows.address, run_id=source, name=f'job {source}')

    assert own_rows.one('test', id=new_run_id)['commit'] == own_rows.one('test', id=source)['commit']
    assert own_rows.one('general_data', key=f'job {source}')['value'] == 'after'


#: Every command that asks the database, with what it needs.
COMMANDS = ['retry 1', 'retry 1 --dry-run', 'attempts 1', 'verdict 1', 'causes', 'carry-over', 'carry-over 1', 'sweep',
            'sweep --dry-run']


@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_says_in_a_sentence_that_the_database_is_away(mounted: Platform, command: str) -> None:
    done = mounted.flask('runs-api', *command.split(), database='mysql+pymysql://root:@127.0.0.1:1/nowhere')

    assert done.returncode == 3, done.stderr
    assert (done.stdout, done.stderr.splitlines()[-1][:7]) == ('', 'Error: ')
