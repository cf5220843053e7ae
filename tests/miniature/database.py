"""The declarative base, the column type of the platform's enumerations, and sessions outside a request."""

import enum
import sqlite3

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, String, TypeDecorator, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session, scoped_session, sessionmaker


class Base(DeclarativeBase):
    """The base of all models."""


db = SQLAlchemy(metadata=Base.metadata)

#: The engine of the platform's own `create_session`, once that was called. The miniature has one for each address.
db_engine: Engine | None = None

_engines: dict[str, Engine] = {}


class DeclEnum(enum.Enum):
    """An enumeration whose members are written as (stored value, text for people)."""

    description: str

    def __new__(cls, value, description=''):
        """Keep the first part as the member's value, the second beside it."""
        member = object.__new__(cls)
        member._value_ = value
        member.description = description
        return member

    @classmethod
    def db_type(cls):
        """Return the column type that stores a member of this enumeration."""
        return DeclEnumType(cls)


class DeclEnumType(TypeDecorator):
    """A string column that holds the value of an enumeration's member."""

    impl = String(50)
    cache_ok = True

    def __init__(self, enum):
        self.enum = enum
        super().__init__()

    def process_bind_param(self, value, dialect):
        """Write a member as its value."""
        return None if value is None else value.value

    def process_result_value(self, value, dialect):
        """Read a value as its member."""
        return None if value is None else self.enum(value.strip())


def enforce_foreign_keys(engine: Engine) -> None:
    """Make SQLite hold foreign keys the way the production database does. The engine has not connected yet."""
    @event.listens_for(engine, 'connect')
    def switch_on(connection, _record):
        if isinstance(connection, sqlite3.Connection):
            connection.execute('PRAGMA foreign_keys = ON')


def create_session(db_string: str) -> 'scoped_session[Session]':
    """Return a session that needs no application, as scheduled jobs have it. There is one engine for each address."""
    engine = _engines.get(db_string)
    if engine is None:
        engine = _engines[db_string] = create_engine(db_string)
        enforce_foreign_keys(engine)
        Base.metadata.create_all(engine)
    return scoped_session(sessionmaker(bind=engine))


def dispose_sessions():
    """Close the connections of every engine that `create_session` made."""
    for engine in _engines.values():
        engine.dispose()
