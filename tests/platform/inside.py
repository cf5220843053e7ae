"""
What the tests cannot ask over HTTP: run in the interpreter of a copy of the platform, one function a process.

The arguments are read from standard input as a JSON object, and what the function returns is written to standard
output. The platform's modules are imported inside the functions, after the process has found itself in the copy.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from flask import Flask, g
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session

from mod_runs_api import retry_run

#: Said with every request, for the platform's configuration leaves Flask nothing to guess it from.
ADDRESS = 'http://localhost/'


@contextmanager
def request() -> Iterator[Flask]:
    """Be in a request to the platform, of nobody in particular."""
    from run import app
    with app.test_request_context(base_url=ADDRESS):
        app.preprocess_request()
        yield app


def create_tables() -> None:
    """Create the platform's tables, as every request does."""
    with request():
        pass


def add_people(people: dict[str, str | None], password: str) -> dict[str, int]:
    """Write people with a role down, all with one password, hashed by the platform; give their ids."""
    from mod_auth.models import Role, User
    with request():
        hashed = User.generate_hash(password)
        users = [User(name, role and Role.from_string(role), f'{name}@example.com', hashed)
                 for name, role in people.items()]
        g.db.add_all(users)
        g.db.commit()
        return {user.name: user.id for user in users}


def statements_of(paths: list[str]) -> dict[str, list[str]]:
    """Give the statements that each page takes once the process has answered a first request, without their values."""
    from run import app
    sent: list[str] = []
    with app.test_client() as client:
        client.get('/about', base_url=ADDRESS)
        event.listen(Engine, 'before_cursor_execute', lambda *arguments: sent.append(arguments[2]))
        found = {}
        for path in paths:
            sent.clear()
            client.get(path, base_url=ADDRESS)
            found[path] = list(sent)
    return found


def statuses_around_lost_connections(path: str) -> list[int]:
    """Return the statuses of a page before MariaDB closes the pooled connections, right after it, and once more."""
    from run import app
    with app.test_client() as client:
        statuses = [client.get(path, base_url=ADDRESS).status_code]
        others = create_engine(app.config['DATABASE_URI'])
        with others.connect() as connection:
            for (connection_id,) in connection.execute(text(
                    'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()')):
                connection.execute(text(f'KILL {connection_id}'))
        others.dispose()
        return statuses + [client.get(path, base_url=ADDRESS).status_code for _ in range(2)]


def retry_amid_changes(run_id: int, name: str, flushed: bool, kept: bool) -> dict[str, Any]:
    """Retry a run while the caller's session has a new row pending, then commit the session or roll it back."""
    from mod_home.models import GeneralData
    from mod_test.models import Test
    with request():
        change = GeneralData(name, 'pending')
        g.db.add(change)
        if flushed:
            g.db.flush()

        new_run_id = retry_run(run_id).new_run_id

        pending = change in (g.db.identity_map.values() if flushed else g.db.new)
        with Session(g.db.get_bind()) as elsewhere:
            changes = elsewhere.query(GeneralData).filter(GeneralData.key == name).count()
            runs = elsewhere.query(Test).filter(Test.id == new_run_id).count()
        if kept:
            g.db.commit()
        else:
            g.db.rollback()
        return {'new_run_id': new_run_id, 'still_pending': pending, 'changes_elsewhere': changes,
                'runs_elsewhere': runs,
                'runs_for_the_caller_afterwards': Test.query.filter(Test.id == new_run_id).count()}


def retry_in_a_job(run_id: int, name: str) -> int:
    """Retry a run as a scheduled job of the platform's would, which then goes on and changes a row."""
    from database import create_session
    from mod_home.models import GeneralData
    from run import app
    with app.app_context():
        db = create_session(app.config['DATABASE_URI'])
        db.add(GeneralData(name, 'before'))
        db.commit()

        new_run_id = retry_run(run_id).new_run_id

        GeneralData.query.filter(GeneralData.key == name).one().value = 'after'
        db.commit()
        db.remove()
        return new_run_id


if __name__ == '__main__':
    with redirect_stdout(sys.stderr):
        returned = globals()[sys.argv[1]](**json.load(sys.stdin))
    json.dump(returned, sys.stdout)
