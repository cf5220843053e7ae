"""Registering the blueprint (contract section 2)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mod_auth.models
import mod_customized.models
import mod_regression.models
import mod_test.models
import pytest
import seed
from database import Base, db
from flask import Blueprint, Flask, g
from mod_api.models.api_token import ApiToken
from sqlalchemy import Engine, Integer, String, create_engine, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool
from support.rows import Rows
from support.statements import record_statements

from mod_runs_api import (MountError, RunNotFound, create_blueprint,
                          mod_runs_api, retry_run)

MODELS: dict[str, type] = {
    'Test': mod_test.models.Test,
    'TestProgress': mod_test.models.TestProgress,
    'TestResult': mod_test.models.TestResult,
    'TestResultFile': mod_test.models.TestResultFile,
    'CustomizedTest': mod_customized.models.CustomizedTest,
    'TestFork': mod_customized.models.TestFork,
    'RegressionTest': mod_regression.models.RegressionTest,
    'RegressionTestOutput': mod_regression.models.RegressionTestOutput,
    'RegressionTestOutputFiles': mod_regression.models.RegressionTestOutputFiles,
    'User': mod_auth.models.User,
    'ApiToken': ApiToken,
}


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


def test_two_lines_register_it(bare: Flask) -> None:
    bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    run_id = add_run()

    assert retry_status(bare, f'/api/v1/runs/{run_id}/retry') == 202


@pytest.mark.parametrize('prefix', [None, '/api/v1', '/deep/er'])
def test_it_may_have_any_prefix(bare: Flask, prefix: str | None) -> None:
    bare.register_blueprint(create_blueprint(), url_prefix=prefix)
    run_id = add_run()

    assert retry_status(bare, f'{prefix or ""}/runs/{run_id}/retry') == 202


def test_it_may_be_nested_in_another_blueprint(bare: Flask) -> None:
    outer = Blueprint('outer', __name__)
    outer.register_blueprint(create_blueprint(), url_prefix='/inner')
    bare.register_blueprint(outer, url_prefix='/outer')
    run_id = add_run()

    assert retry_status(bare, f'/outer/inner/runs/{run_id}/retry') == 202


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


def test_an_application_that_has_not_registered_it_is_told_so(bare: Flask) -> None:
    with pytest.raises(MountError, match='not registered in this application'):
        retry_run(1)


def test_a_missing_model_is_named(bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mod_customized.models, 'TestFork')

    with pytest.raises(MountError, match=r'lacks the model mod_customized\.models\.TestFork\.$'):
        bare.register_blueprint(mod_runs_api)


def test_everything_that_is_missing_is_named_at_once(bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'mod_test', None)
    monkeypatch.setitem(sys.modules, 'mod_test.models', None)
    monkeypatch.setattr(mod_auth.models, 'User', object)

    with pytest.raises(MountError) as raised:
        bare.register_blueprint(mod_runs_api)

    for name in ('Test', 'TestProgress', 'TestResult', 'TestResultFile'):
        assert f'the model mod_test.models.{name}' in str(raised.value)
    assert 'a mapping of the model User' in str(raised.value)


def test_a_missing_column_is_named(bare: Flask) -> None:
    class Base(DeclarativeBase):
        pass

    class Fork(Base):
        __tablename__ = 'test_fork'
        id: Mapped[int] = mapped_column(Integer, primary_key=True)
        test_id: Mapped[int] = mapped_column(Integer)

    with pytest.raises(MountError, match=r'lacks the column TestFork\.user_id\.$'):
        bare.register_blueprint(create_blueprint(models={**MODELS, 'TestFork': Fork}))


@pytest.mark.parametrize(('arguments', 'name'), [
    ({'models': {**MODELS, 'RegressionTestLinkTable': object}}, 'RegressionTestLinkTable'),
    ({'names': {'Test.pr_number': 'pull_request'}}, r'Test\.pr_number'),
    ({'names': {'Test': 'Run'}}, 'Test')])
def test_a_misspelt_name_is_refused(bare: Flask, arguments: dict[str, Any], name: str) -> None:
    with pytest.raises(MountError, match=f'names that mod_runs_api does not know: {name}\\.$'):
        bare.register_blueprint(create_blueprint(**arguments))


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


@dataclass(frozen=True)
class OtherHost:
    """A host with other models, names and sessions than the platform's, and without categories of tests."""

    app: Flask
    engine: Engine
    models: dict[str, Any]


@pytest.fixture
def other_host() -> Iterator[OtherHost]:
    """Yield a host that differs from the platform, with a run 1 and a regression test 5."""
    class Other(DeclarativeBase):
        pass

    class Run(Other):
        __tablename__ = 'job'
        id: Mapped[int] = mapped_column(Integer, primary_key=True)
        target: Mapped[str] = mapped_column(String(10))
        test_type: Mapped[str] = mapped_column(String(10))
        fork_id: Mapped[int]
        branch: Mapped[str] = mapped_column(String(10))
        sha: Mapped[str] = mapped_column('commit_sha', String(40))
        pr_nr: Mapped[int]
        token: Mapped[str] = mapped_column(String(64))

    class Person(Other):
        __tablename__ = 'person'
        id: Mapped[int] = mapped_column(Integer, primary_key=True)
        name: Mapped[str] = mapped_column(String(10))
        role: Mapped[str] = mapped_column(String(10))

    def copy(model: Any) -> type:
        columns = {column.key: mapped_column(column.type, primary_key=column.primary_key)
                   for column in model.__table__.columns}
        return type(model.__name__, (Other,), {'__tablename__': model.__table__.name, **columns})

    models: dict[str, Any] = {
        **{name: copy(model) for name, model in MODELS.items() if name not in ('Test', 'User', 'ApiToken')},
        'Test': Run, 'User': Person}
    engine = create_engine('sqlite://', poolclass=StaticPool, connect_args={'check_same_thread': False})
    app = Flask(__name__)
    app.register_blueprint(create_blueprint(models=models, session=lambda: Session(engine),
                                            names={'Test.platform': 'target', 'Test.commit': 'sha'}))
    Other.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Run(id=1, target='amiga', test_type='x', fork_id=1, branch='b', sha='c', pr_nr=0, token='t'))
        session.add(models['RegressionTest'](id=5, active=True))
        session.commit()
    with app.app_context():
        yield OtherHost(app, engine, models)
    engine.dispose()


def test_a_host_may_have_other_models_names_and_sessions(other_host: OtherHost) -> None:
    new_run_id = retry_run(1).new_run_id

    with Session(other_host.engine) as session:
        assert session.get_one(other_host.models['Test'], new_run_id).target == 'amiga'


def test_a_host_without_api_tokens_gets_a_table_of_them(other_host: OtherHost) -> None:
    assert inspect(other_host.engine).has_table('runs_api_token')


def test_a_host_without_categories_runs_every_test(other_host: OtherHost) -> None:
    with Session(other_host.engine) as session:
        session.add(other_host.models['TestProgress'](test_id=1, status=mod_test.models.TestStatus.completed))
        session.commit()

    assert retry_run(1, failed_only=True).test_count == 1


def test_an_unknown_name_is_refused(bare: Flask) -> None:
    with pytest.raises(MountError, match=r'Test\.colour'):
        bare.register_blueprint(create_blueprint(names={'Test.colour': 'color'}))


def test_registration_sends_nothing_to_the_database(bare: Flask) -> None:
    with record_statements(db.engine) as sent:
        bare.register_blueprint(mod_runs_api)

    assert sent == []


def test_the_tables_arrive_with_the_hosts_own(app: Flask) -> None:
    assert {'run_retry', 'run_carried_over'} <= set(Base.metadata.tables)
    assert set(Base.metadata.tables) <= set(inspect(db.engine).get_table_names())


def test_the_request_state_of_the_host_is_left_alone(app: Flask) -> None:
    before = set(g)

    with pytest.raises(RunNotFound):
        retry_run(99)

    assert set(g) == before
