"""Registering the blueprint (docs/operations.rst, "Install"; docs/python-and-command-line.rst, "Python")."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import mod_auth.models
import mod_customized.models
import pytest
import seed
from database import Base, db
from flask import Blueprint, Flask
from mod_test.models import TestStatus
from sqlalchemy import Engine, Integer, String, create_engine, inspect
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from support.other_host import copied_models, other_host
from support.rows import Rows
from support.statements import record_statements

from mod_runs_api import MountError, create_blueprint, mod_runs_api, retry_run


def retry_status(app: Flask, path: str) -> int:
    """Ask for a retry at a path as a contributor, and return the status."""
    with app.app_context():
        secret = seed.token(seed.user('contributor'))
        db.session.commit()
    return app.test_client().post(path, headers={'Authorization': f'Bearer {secret}'}).status_code


def add_run() -> int:
    """Add a run to the current application, and return its id."""
    run_id = seed.run([seed.regression_test()]).id
    db.session.commit()
    return run_id


def test_two_lines_register_it_and_send_nothing_to_the_database(bare: Flask) -> None:
    with record_statements(db.engine) as sent:
        bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    assert sent == []

    assert retry_status(bare, f'/api/v1/runs/{add_run()}/retry') == 202


@pytest.mark.parametrize('prefix', [None, '/deep/er'])
def test_it_may_have_any_prefix(bare: Flask, prefix: str | None) -> None:
    bare.register_blueprint(create_blueprint(), url_prefix=prefix)

    assert retry_status(bare, f'{prefix or ""}/runs/{add_run()}/retry') == 202


def test_it_may_be_nested_in_another_blueprint(bare: Flask) -> None:
    outer = Blueprint('outer', __name__)
    outer.register_blueprint(create_blueprint(), url_prefix='/inner')
    bare.register_blueprint(outer, url_prefix='/outer')

    assert retry_status(bare, f'/outer/inner/runs/{add_run()}/retry') == 202


def test_several_applications_may_register_it(bare: Flask, app: Flask, rows: Rows) -> None:
    bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    with bare.app_context():
        run_id = add_run()

    assert retry_status(app, f'/api/v1/runs/{run_id}/retry') == 404
    assert retry_status(bare, f'/api/v1/runs/{run_id}/retry') == 202
    assert rows.of('test') == []


def test_an_application_registers_it_once(app: Flask) -> None:
    with pytest.raises(MountError, match='already registered'):
        app.register_blueprint(create_blueprint('again'), url_prefix='/again')


def test_the_tables_arrive_with_the_hosts_own(app: Flask) -> None:
    assert {'run_retry', 'run_carried_over'} <= set(Base.metadata.tables)
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())
    assert 'runs_api_token' not in Base.metadata.tables


# Hosts that lack something


def test_everything_that_is_missing_is_named_at_once(bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'mod_test', None)
    monkeypatch.setitem(sys.modules, 'mod_test.models', None)
    monkeypatch.setattr(mod_auth.models, 'User', object)
    monkeypatch.delattr(mod_customized.models, 'TestFork')

    with pytest.raises(MountError) as raised:
        bare.register_blueprint(mod_runs_api)

    for name in ('mod_test.models.Test', 'mod_test.models.TestProgress', 'mod_test.models.TestResult',
                 'mod_test.models.TestResultFile', 'mod_customized.models.TestFork'):
        assert f'the model {name}' in str(raised.value)
    assert 'a mapping of the model User' in str(raised.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MountError, match=r'lacks the column TestFork\.user_id\.$'):
        other_host('TestFork.user_id')


def test_a_misspelt_model_is_refused() -> None:
    with pytest.raises(MountError, match='models that mod_runs_api does not know: RegressionTestLinkTable.$'):
        other_host(RegressionTestLinkTable=object)


def test_a_module_of_the_platform_that_cannot_be_imported_is_no_missing_model(
        bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == 'mod_test.models':
                raise ModuleNotFoundError('No module named pytz', name='pytz')

    monkeypatch.delitem(sys.modules, 'mod_test.models')
    monkeypatch.setattr(sys, 'meta_path', [Broken(), *sys.meta_path])

    with pytest.raises(ModuleNotFoundError, match='pytz'):
        bare.register_blueprint(mod_runs_api)


# A host with other models, another column's name, no categories and no tokens


@pytest.fixture
def engine_of_other_host() -> Iterator[Engine]:
    """Yield the engine of a host that differs from the platform, with a run 1 and a regression test 5."""
    models = copied_models('Test')

    class Run(models['RegressionTest'].__base__):  # type: ignore[misc,name-defined]
        __tablename__ = 'job'
        id: Mapped[int] = mapped_column(Integer, primary_key=True)
        platform: Mapped[str] = mapped_column(String(10))
        test_type: Mapped[str] = mapped_column(String(10))
        fork_id: Mapped[int]
        branch: Mapped[str] = mapped_column(String(10))
        commit: Mapped[str] = mapped_column('commit_sha', String(40))
        pr_nr: Mapped[int]
        token: Mapped[str] = mapped_column(String(64))

    engine = create_engine('sqlite://', poolclass=StaticPool, connect_args={'check_same_thread': False})
    models['Test'] = Run
    app = Flask(__name__)
    app.register_blueprint(create_blueprint(models=models, session=lambda: Session(engine)))
    Run.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Run(id=1, platform='amiga', test_type='x', fork_id=1, branch='b', commit='c', pr_nr=0, token='t'))
        session.add(models['RegressionTest'](id=5, active=True))
        session.add(models['TestProgress'](test_id=1, status=TestStatus.completed))
        session.commit()
    with app.app_context():
        yield engine
    engine.dispose()


def test_a_host_may_have_other_models_and_sessions(engine_of_other_host: Engine) -> None:
    first, second = retry_run(1), retry_run(1, failed_only=True)

    # Without categories, every test without a result counts as not run.
    assert (first.test_count, second.test_count) == (1, 1)
    with engine_of_other_host.connect() as connection:
        rows = connection.exec_driver_sql('SELECT platform, commit_sha FROM job').all()
    assert [tuple(row) for row in rows] == [('amiga', 'c')] * 3


def test_a_host_without_api_tokens_gets_a_table_of_them(engine_of_other_host: Engine) -> None:
    assert inspect(engine_of_other_host).has_table('runs_api_token')
