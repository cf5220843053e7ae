"""The package's tables are created while requests are open (docs/how-it-works.rst, "The database")."""

from application import create_app, dispose
from database import db
from sqlalchemy import NullPool, create_engine, text

OURS = ['run_retry', 'run_carried_over']


def test_creating_the_tables_waits_for_no_transaction_that_has_read(database):
    app, engine = create_app(database.uri), create_engine(database.uri, poolclass=NullPool)
    with app.app_context():
        ours = [db.metadata.tables[name] for name in OURS]
        db.metadata.create_all(engine, [table for table in db.metadata.sorted_tables if table not in ours])
    dispose(app)

    with engine.connect() as reader, engine.connect() as visitor, engine.connect() as creator:
        for table in ('test', 'user', 'regression_test'):
            reader.execute(text(f'SELECT COUNT(*) FROM {table}'))
        visitor.execute(text('SELECT COUNT(*) FROM user'))

        # A lock that one of the two holds is not waited for: error 1205.
        creator.execute(text('SET lock_wait_timeout = 1'))
        db.metadata.create_all(creator, ours)

        visitor.execute(text('SELECT COUNT(*) FROM test'))
        reader.execute(text('SELECT COUNT(*) FROM test'))
    assert {name for name, in database.query('SHOW TABLES')} >= {*OURS}
