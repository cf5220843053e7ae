"""Registering the blueprint (docs/how-it-works.rst, "What the mount adds")."""

import re

import database
import mod_ci.controllers
import pytest
import seed
from database import Base, db
from flask import Blueprint, Flask
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


#: The name, the prefix of another blueprint that it is nested in, and its own prefix.
PLACES = [('runs_api', '', ''), ('another', '', '/deep/er'), ('another', '/outer', '/inner')]


def register(app, name, outer, inner):
    """Register it under a name and a prefix, also nested in another blueprint."""
    place = Blueprint('outer', __name__, url_prefix=outer) if outer else app
    place.register_blueprint(create_blueprint(), name=name, url_prefix=inner or None)
    if outer:
        app.register_blueprint(place)


@pytest.fixture(params=PLACES)
def prefix(bare, request):
    """Register it, and return the whole prefix."""
    register(bare, *request.param)
    return ''.join(request.param[1:])


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


def add_rule(app, path, method):
    """Add a rule of the platform's."""
    app.add_url_rule(path, 'platform.page', lambda **_: '', methods=[method])


@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize(('method', 'path', 'hidden'), [
    ('POST', '/runs/<run_id>/retry', 'retry'), ('GET', '/runs/<int:number>/retry', 'retry'),
    ('GET', '/runs/<int:number>/<what>', 'retry'), ('GET', '/runs/<name>/retries', 'retries'),
    ('GET', '/runs/<int(min=1):number>/verdict', 'verdict')])
def test_a_route_that_the_platform_already_answers_is_refused(bare, place, method, path, hidden):
    prefix = ''.join(place[1:])
    add_rule(bare, f'{prefix}{path}', method)

    with pytest.raises(MountError) as raised:
        register(bare, *place)
    assert str(raised.value) == (
        f'{method} {prefix}/runs/1/{hidden} leads to platform.page, which the application already has.')


def test_a_route_that_the_platform_redirects_is_refused(bare):
    add_rule(bare, '/runs/<int:run_id>/retry/', 'POST')

    with pytest.raises(MountError, match='^POST /runs/1/retry leads to http://localhost/runs/1/retry/, which'):
        bare.register_blueprint(mod_runs_api)


@pytest.mark.parametrize(('method', 'path'), [
    ('DELETE', '/runs/<int:run_id>/retry'), ('POST', '/runs/<int:run_id>/retries'), ('GET', '/runs/<int:run_id>'),
    ('POST', '/<path:everything>'), ('POST', '/runs/<path:everything>'), ('POST', '/outer/runs/<run_id>/retry')])
def test_a_rule_of_the_platforms_that_hides_no_route_is_allowed(bare, method, path):
    add_rule(bare, path, method)

    bare.register_blueprint(mod_runs_api)
    assert retry(bare, f'/runs/{add_run()}/retry').status_code == 202


@pytest.mark.parametrize('name', ['Artifact_names', 'MAX_ARTIFACTS_TO_SEARCH'])
def test_a_platform_without_a_name_of_the_search_for_builds_is_refused(bare, monkeypatch, name):
    monkeypatch.delattr(mod_ci.controllers, name)

    with pytest.raises(ImportError, match=f"^cannot import name '{name}' from 'mod_ci.controllers'"):
        bare.register_blueprint(mod_runs_api)


@pytest.mark.parametrize('name', ['create_session', 'db_engine'])
def test_a_platform_without_a_name_of_its_database_is_refused(bare, monkeypatch, name):
    monkeypatch.delattr(database, name)

    with pytest.raises(MountError, match=f'^The platform has no database.{name}.$'):
        bare.register_blueprint(mod_runs_api)


@pytest.mark.parametrize(('pages', 'missing'), [
    ({'test.by_id': '/<test_id>'}, 'regression.test_view whose address has a regression_id'),
    ({'regression.test_view': '/<regression_id>'}, 'test.by_id whose address has a test_id'),
    ({'regression.test_view': '/<regression_id>', 'test.by_id': '/<id>'}, 'test.by_id whose address has a test_id')])
def test_a_platform_without_a_page_to_which_the_package_links_is_refused(pages, missing):
    app = Flask(__name__)
    for endpoint, path in pages.items():
        app.add_url_rule(path, endpoint)

    with pytest.raises(MountError, match=f'^The application has no page {missing}.$'):
        app.register_blueprint(mod_runs_api)


def test_a_platform_whose_builds_have_no_artifact_is_refused(bare, monkeypatch):
    monkeypatch.delattr(mod_ci.controllers.Artifact_names, 'windows')

    with pytest.raises(MountError, match='^Artifact_names in mod_ci.controllers has no artifact for windows.$'):
        bare.register_blueprint(mod_runs_api)


def test_the_tables_arrive_with_the_platforms_own(app):
    assert {'run_retry', 'run_carried_over'} <= set(Base.metadata.tables)
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())
