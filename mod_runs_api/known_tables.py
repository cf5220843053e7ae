"""
What the host's ``create_all`` need not look for, because it is known to be there.

The platform calls it at every request, and it asks the database for each table of the metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, MetaData, Table, event

from .mount import is_own_request

#: The key in the ``info`` of a metadata, of the tables that each engine is known to have; and in that of the tables
#: that are the package's own.
KEY = 'mod_runs_api.known_tables'


def remember(table: Table) -> None:
    """
    Let the host's ``create_all`` look for a table of the package's own once for each engine.

    So the table arrives by itself, and no other request of the host takes a statement more for it. Requests to the
    package's own routes look for none of the host's tables again either: that takes longer than a retry does.

    Parameters
    ----------
    table : Table
        On the metadata that the host calls ``create_all`` of.
    """
    info = table.metadata.info
    if KEY not in info:
        info[KEY] = WeakKeyDictionary()
        _skip_known_tables(table.metadata)
    table.info[KEY] = True
    known: WeakKeyDictionary[Engine, set[Table]] = info[KEY]

    @event.listens_for(table, 'after_drop')
    def forget(*_: Any, **_options: Any) -> None:
        # Of all engines: the one that was dropped from may be a variant of the one that the host creates with.
        known.clear()


def _skip_known_tables(metadata: MetaData) -> None:
    create_all, known = metadata.create_all, metadata.info[KEY]

    # SQLAlchemy has events for what it does about a table, and none before it looks whether the table is there.
    @wraps(create_all)
    def create_missing(bind: Any, tables: Sequence[Table] | None = None, *rest: Any, **options: Any) -> None:
        if tables is not None or rest or options or not isinstance(bind, Engine):
            create_all(bind, tables, *rest, **options)
            return
        is_own = is_own_request()
        skipped = {table for table in known.get(bind, ()) if is_own or KEY in table.info}
        all_tables = list(metadata.tables.values())
        to_look_for = [table for table in all_tables if table not in skipped]
        if to_look_for:
            create_all(bind, to_look_for)
            known[bind] = set(all_tables)

    metadata.create_all = create_missing  # type: ignore[method-assign]
