"""How many statements are sent (docs/testing.rst): the number does not depend on any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import seed
from mod_test.models import TestStatus
from sqlalchemy import Engine
from support.entry_points import CALLS, SILENT, EntryPoints
from support.histories import end
from support.statements import record_statements


@pytest.fixture(scope='module')
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntryPoints]:
    """Yield a database with small runs, one other run, and a run with more attempts than a page lists."""
    yield from _entry_points(tmp_path_factory.mktemp('small'), tests=2, runs=1, retries=11)


@pytest.fixture(scope='module')
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntryPoints]:
    """
    Yield a database with large runs, many other runs and a run that was retried many times.

    With more than 24 retries a page would send fewer statements, for it does not compare so many attempts.
    """
    yield from _entry_points(tmp_path_factory.mktemp('large'), tests=300, runs=40, retries=20)


def _entry_points(folder: Path, **sizes: int) -> Iterator[EntryPoints]:
    entry_points = EntryPoints(f'sqlite:///{folder}/platform.db', **sizes)
    yield entry_points
    entry_points.close()


@pytest.mark.parametrize('name', CALLS)
def test_the_number_of_statements_does_not_depend_on_any_size(
        small: EntryPoints, large: EntryPoints, name: str) -> None:
    counts = []
    for entry_points in (small, large):
        with record_statements(entry_points.package_engine) as sent:
            CALLS[name](entry_points)
        counts.append(len(sent))

    assert counts[0] == counts[1]
    assert (counts[0] == 0) == (name in SILENT)


def statements_of_end(engine: Engine, run_id: int, status: TestStatus) -> int:
    """Bring a run to a stage, and return how many statements that takes, the host's own ones too."""
    with record_statements(engine) as sent:
        end(run_id, status)
    return len(sent)


def test_an_end_of_a_run_of_the_platforms_own_costs_one_statement_and_another_stage_none(engine: Engine) -> None:
    run_id = seed.run(seed.regression_tests(2)).id
    own = statements_of_end(engine, run_id, TestStatus.testing)

    assert own == statements_of_end(engine, run_id, TestStatus.preparation)
    assert statements_of_end(engine, run_id, TestStatus.completed) == own + 1
