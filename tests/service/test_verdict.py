"""What the attempts in a database prove, on MariaDB, against a plain reading of the contract (section 1)."""

from __future__ import annotations

from collections.abc import Iterator

import application  # noqa: F401  All models, which refer to each other by name.
import pytest
from database import Base
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session
from support.generated_histories import (RETRY_IDS, ROOT_ID, WORLDS, World,
                                         plain, reading, write)

from mod_runs_api.host.models import find_models
from mod_runs_api.tables import create_tables
from mod_runs_api.verdict import read_verdict

from .databases import Database

pytestmark = pytest.mark.service

TABLES = create_tables(find_models(None, {}))


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """Give an empty database of the platform's tables, connected to as the platform is."""
    engine = create_engine(database.uri())
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@given(world=WORLDS)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_verdict_is_what_the_contract_says(engine: Engine, world: World) -> None:
    with Session(engine) as session:
        write(session, world)

    with engine.connect() as connection:
        for run_id in (ROOT_ID, RETRY_IDS[-1]):
            assert plain(read_verdict(connection, TABLES, run_id)) == reading(world)
