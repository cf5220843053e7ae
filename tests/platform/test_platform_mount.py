"""Mounting, and the migrations of the real platform (docs/operations.rst)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import Platform, copy
from rows import Rows, fresh_database
from sqlalchemy import create_engine, inspect

pytestmark = pytest.mark.platform


def test_the_platforms_own_requests_look_for_the_packages_tables_and_send_nothing_else(
        unmounted: Platform, mounted: Platform, rows: Rows) -> None:
    paths = ['/', '/about', '/test/', '/test/1', '/account/login', '/regression/', '/sample/', '/custom/', '/nowhere',
             '/api/v1/runs', '/api/v1/runs/1', '/api/v1/system/health']

    with_mount = mounted.inside('statements_of', rows.address, paths=paths)

    looks = {path: [statement for statement in sent if 'run_retry' in statement or 'run_carried_over' in statement]
             for path, sent in with_mount.items()}
    assert {path: len(statements) for path, statements in looks.items()} == dict.fromkeys(paths, 2)
    assert all(statement.startswith(('PRAGMA', 'DESCRIBE')) for sent in looks.values() for statement in sent)
    without_looks = {path: [statement for statement in sent if statement not in looks[path]]
                     for path, sent in with_mount.items()}
    assert sort(without_looks) == sort(unmounted.inside('statements_of', rows.address, paths=paths))


def sort(statements: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return statements in an order of their own: another table changes that in which the host looks for its own."""
    return {path: sorted(sent) for path, sent in statements.items()}


class Migrations:
    """The platform's migrations, in a copy that may be written to, on a database of MariaDB's."""

    def __init__(self, platform: Platform, database: str) -> None:
        self.platform = platform
        self.database = database

    def flask_db(self, *arguments: str) -> str:
        """Run a command, and give what it said."""
        done = self.platform.flask('db', *arguments, database=self.database)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def scripts(self) -> set[Path]:
        """Give all migrations."""
        return set((self.platform.path / 'migrations' / 'versions').glob('*.py'))

    def tables(self) -> set[str]:
        """Give the names of the tables."""
        engine = create_engine(self.database)
        try:
            return set(inspect(engine).get_table_names())
        finally:
            engine.dispose()


@pytest.fixture
def migrations(unmounted: Platform, tmp_path: Path) -> Iterator[Migrations]:
    """
    Give the migrations of a platform that has just been mounted: the database has the platform's own tables.

    They are created as the platform creates them; its migrations alone do not lead from an empty database to today's.
    """
    with fresh_database('mariadb', tmp_path) as database:
        unmounted.inside('create_tables', database)
        migrations = Migrations(copy(unmounted, 'migrated', mounted=True), database)
        migrations.flask_db('stamp', 'head')
        yield migrations


def test_the_platforms_migrations_create_and_drop_the_tables(migrations: Migrations) -> None:
    scripts, tables = migrations.scripts(), migrations.tables()

    migrations.flask_db('migrate', '--message', 'retries')
    made, = migrations.scripts() - scripts
    script = made.read_text()
    assert script.count('op.create_table(') == 2
    assert 'op.add_column' not in script and 'op.alter_column' not in script

    migrations.flask_db('upgrade')
    assert migrations.tables() - tables == {'run_retry', 'run_carried_over'}

    assert 'No changes in schema detected' in migrations.flask_db('migrate', '--message', 'nothing left')

    migrations.flask_db('downgrade')
    assert migrations.tables() == tables | {'alembic_version'}
