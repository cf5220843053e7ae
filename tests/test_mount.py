"""Registering the blueprint (docs/set-up.rst, "Install")."""

import re

import pytest
import seed
from database import Base, db
from flask import Blueprint
from sqlalchemy import inspect
from support.api import assert_security_headers
from support.statements import record_statements
from support.visitor import Visitor

from mod_runs_api import MountError, create_blueprint, mod_runs_api


def retry(app, path):
    """Ask for a retry at a path as a contributor."""
    with app.app_context():
        secret = seed.token(seed.user('contributor'))
        db.session.commit()
    return app.test_client().post(path, headers={'Authorization': f'Bearer {secret}'})


def add_run():
    """Add a run to the current application, and return its id."""
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()
    return run_id


def test_two_lines_register_it_and_send_nothing_to_the_database(bare):
    with record_statements(db.engine) as sent:
        bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    assert sent == []

    assert retry(bare, f'/api/v1/runs/{add_run()}/retry').status_code == 202


@pytest.fixture(params=[('runs_api', '', ''), ('another', '', '/deep/er'), ('another', '/outer', '/inner')])
def prefix(bare, request):
    """Register it under a name and a prefix, also nested in another blueprint, and return the whole prefix."""
    name, outer, inner = request.param
    place = Blueprint('outer', __name__, url_prefix=outer) if outer else bare
    place.register_blueprint(create_blueprint(), name=name, url_prefix=inner or None)
    if outer:
        bare.register_blueprint(place)
    return f'{outer}{inner}'


def test_it_may_have_any_name_and_prefix_and_be_nested_in_another_blueprint(bare, prefix):
    answer = retry(bare, f'{prefix}/runs/{add_run()}/retry')

    assert (answer.status_code, answer.headers.get('Location')) == (202, f'{prefix}/runs/{answer.json["new_run_id"]}')
    assert_security_headers(answer)
    assert answer.headers['X-RateLimit-Remaining'] == '119'


def test_the_pages_know_its_name_and_prefix(bare, prefix):
    run_id = add_run()

    page = Visitor(bare).soup(f'/test/{run_id}')

    assert page.find('button', {'data-url': f'{prefix}/runs/{run_id}/retry'})
    assert page.find('script', src=re.compile(rf'^{prefix}/retry-assets/retry\.js\?'))


def test_several_applications_may_register_it(bare, app, rows):
    bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    with bare.app_context():
        run_id = add_run()

    assert retry(app, f'/api/v1/runs/{run_id}/retry').status_code == 404
    assert retry(bare, f'/api/v1/runs/{run_id}/retry').status_code == 202
    assert rows.of('test') == []


def test_an_application_registers_it_once(app):
    with pytest.raises(MountError, match='already registered'):
        app.register_blueprint(create_blueprint('again'), url_prefix='/again')


def test_the_tables_arrive_with_the_hosts_own(app):
    assert {'run_retry', 'run_carried_over'} <= set(Base.metadata.tables)
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())
