"""Registering the blueprint (docs/set-up.rst, "Install")."""

import pytest
import seed
from database import Base, db
from flask import Blueprint
from sqlalchemy import inspect
from support.statements import record_statements

from mod_runs_api import MountError, create_blueprint, mod_runs_api


def retry_status(app, path):
    """Ask for a retry at a path as a contributor, and return the status."""
    with app.app_context():
        secret = seed.token(seed.user('contributor'))
        db.session.commit()
    return app.test_client().post(path, headers={'Authorization': f'Bearer {secret}'}).status_code


def add_run():
    """Add a run to the current application, and return its id."""
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()
    return run_id


def test_two_lines_register_it_and_send_nothing_to_the_database(bare):
    with record_statements(db.engine) as sent:
        bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    assert sent == []

    assert retry_status(bare, f'/api/v1/runs/{add_run()}/retry') == 202


@pytest.mark.parametrize(('outer', 'prefix'), [(None, None), (None, '/deep/er'), ('/outer', '/inner')])
def test_it_may_have_any_prefix_and_be_nested_in_another_blueprint(bare, outer, prefix):
    place = bare if outer is None else Blueprint('outer', __name__, url_prefix=outer)
    place.register_blueprint(create_blueprint(), url_prefix=prefix)
    if isinstance(place, Blueprint):
        bare.register_blueprint(place)

    assert retry_status(bare, f'{outer or ""}{prefix or ""}/runs/{add_run()}/retry') == 202


def test_several_applications_may_register_it(bare, app, rows):
    bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    with bare.app_context():
        run_id = add_run()

    assert retry_status(app, f'/api/v1/runs/{run_id}/retry') == 404
    assert retry_status(bare, f'/api/v1/runs/{run_id}/retry') == 202
    assert rows.of('test') == []


def test_an_application_registers_it_once(app):
    with pytest.raises(MountError, match='already registered'):
        app.register_blueprint(create_blueprint('again'), url_prefix='/again')


def test_the_tables_arrive_with_the_hosts_own(app):
    assert {'run_retry', 'run_carried_over'} <= set(Base.metadata.tables)
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())
