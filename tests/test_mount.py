"""Mounting the blueprint (contract section 2)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mod_auth.models
import mod_customized.models
import mod_regression.models
import mod_test.models
import pytest
import seed
from application import create_app
from database import Base, db
from flask import Blueprint, Flask, g
from mod_api.models.api_token import ApiToken
from mod_auth.models import User
from sqlalchemy import Integer, String, create_engine, inspect
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.rows import OWN_TABLES, Rows
from support.statements import Statement, record_statements

from mod_runs_api import MountError, create_blueprint, mod_runs_api, retry_run

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


@pytest.fixture
def bare() -> Iterator[Flask]:
    """Give the miniature without the blueprint."""
    app = create_app('sqlite://', mount=False)
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()


def ask(app: Flask, path: str) -> int:
    """Retry the run of a path as a contributor, and give the status."""
    secret = seed.token(seed.user(f'user {id(app)}'))
    db.session.commit()
    return app.test_client().post(path, headers={'Authorization': f'Bearer {secret}'}).status_code


def test_the_two_lines_of_the_contract_mount_it(bare: Flask) -> None:
    bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    run = seed.run([seed.regression_test()])

    assert ask(bare, f'/api/v1/runs/{run.id}/retry') == 202


@pytest.mark.parametrize('prefix', [None, '/api/v1', '/deep/er'])
def test_any_prefix_will_do(bare: Flask, prefix: str | None) -> None:
    bare.register_blueprint(create_blueprint(), url_prefix=prefix)
    run = seed.run([seed.regression_test()])

    assert ask(bare, f'{prefix or ""}/runs/{run.id}/retry') == 202


def test_it_may_be_nested_in_another_blueprint(bare: Flask) -> None:
    outer = Blueprint('outer', __name__)
    outer.register_blueprint(create_blueprint(), url_prefix='/inner')
    bare.register_blueprint(outer, url_prefix='/outer')
    run = seed.run([seed.regression_test()])

    assert ask(bare, f'/outer/inner/runs/{run.id}/retry') == 202


def test_several_applications_may_mount_it(bare: Flask, app: Flask, rows: Rows) -> None:
    bare.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    with app.app_context():
        assert ask(app, '/api/v1/runs/1/retry') == 404
    with bare.app_context():
        run_id = seed.run([seed.regression_test()]).id
        assert ask(bare, f'/api/v1/runs/{run_id}/retry') == 202

    assert rows.of('test') == []


def test_one_application_mounts_it_once(app: Flask) -> None:
    with pytest.raises(MountError, match='already mounted'):
        app.register_blueprint(create_blueprint('again'), url_prefix='/again')


def test_an_application_that_does_not_mount_it_says_so(bare: Flask) -> None:
    with pytest.raises(MountError, match='not mounted here'):
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


def test_a_platform_whose_modules_are_broken_says_why(bare: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == 'mod_test.models':
                raise ModuleNotFoundError('No module named pytz', name='pytz')

    monkeypatch.delitem(sys.modules, 'mod_test.models')
    monkeypatch.setattr(sys, 'meta_path', [Broken(), *sys.meta_path])

    with pytest.raises(ModuleNotFoundError, match='pytz'):
        bare.register_blueprint(mod_runs_api)


@pytest.mark.parametrize(('setting', 'value'), [
    ('RUNS_API_RETRY_ROLES', 'admin'), ('RUNS_API_RETRY_ROLES', [1]), ('RUNS_API_RETRY_ROLES', None),
    ('RUNS_API_INACTIVE_TESTS', 'keep'), ('RUNS_API_INACTIVE_TESTS', None)])
def test_a_setting_that_makes_no_sense_is_refused(setting: str, value: object) -> None:
    with pytest.raises(MountError, match=setting):
        create_app(**{setting: value})


def test_a_host_may_have_other_models_names_and_sessions() -> None:
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

    def copy(model: type) -> type:
        columns = {column.key: mapped_column(column.type, primary_key=column.primary_key)
                   for column in model.__table__.columns}  # type: ignore[attr-defined]
        return type(model.__name__, (Other,), {'__tablename__': model.__table__.name,  # type: ignore[attr-defined]
                                               **columns})

    models = {name: copy(model) for name, model in MODELS.items() if name not in ('Test', 'User', 'ApiToken')}
    app = Flask(__name__)
    from sqlalchemy.pool import StaticPool
    engine = create_engine('sqlite://', poolclass=StaticPool, connect_args={'check_same_thread': False})
    app.register_blueprint(create_blueprint(models={'Test': Run, 'User': Person, **models},
                                            session=lambda: Session(engine),
                                            names={'Test.platform': 'target', 'Test.commit': 'sha'}))
    Other.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Run(id=1, target='amiga', test_type='x', fork_id=1, branch='b', sha='c', pr_nr=0, token='t'))
        session.add(models['RegressionTest'](id=5, active=True))
        session.commit()

    with app.app_context():
        new_run_id = retry_run(1).new_run_id

    with Session(engine) as session:
        assert session.get_one(Run, new_run_id).target == 'amiga'
    assert 'runs_api_token' in Other.metadata.tables
    engine.dispose()


def test_a_name_that_means_nothing_is_refused(bare: Flask) -> None:
    with pytest.raises(MountError, match=r'Test\.colour'):
        bare.register_blueprint(create_blueprint(names={'Test.colour': 'color'}))


def test_the_mount_does_not_wait_for_what_only_requests_need() -> None:
    script = ('import json, sys; from application import create_app; create_app("sqlite://"); '
              'print(json.dumps(list(sys.modules)))')
    miniature = Path(mod_test.models.__file__).parents[1]
    done = subprocess.run([sys.executable, '-c', script], env={**os.environ, 'PYTHONPATH': str(miniature)},
                          capture_output=True, text=True, check=True)

    imported = json.loads(done.stdout)
    assert 'mod_runs_api.blueprint' in imported
    assert not {'authlib', 'flask_limiter', 'limits'}.intersection(imported)


def test_the_host_is_asked_for_nothing_at_the_mount(bare: Flask, statements: list[str]) -> None:
    with bare.app_context():
        with record_statements(db.engine, lambda statement: True) as sent:
            bare.register_blueprint(mod_runs_api)

    assert sent == []


@pytest.fixture
def asked(app: Flask) -> Iterator[list[Statement]]:
    """Record what the database is asked of `run_retry`, whoever asks."""
    with app.app_context():
        engine = db.engine
    with record_statements(engine, lambda statement: 'run_retry' in statement) as sent:
        yield sent


@pytest.mark.parametrize('path', ['/', '/account/login', '/static/nothing', '/nowhere'])
def test_the_hosts_requests_do_not_look_for_a_table_that_is_there(app: Flask, asked: list[Statement], path: str) -> None:
    app.test_client().get(path)

    assert asked == []


def looked_for(app: Flask, path: str, token: str = '') -> list[Statement]:
    """Give what the host asks about its tables while it handles a request."""
    with record_statements(db.engine, lambda statement: statement.startswith('PRAGMA main.table_info')) as sent:
        app.test_client().post(path, headers={'Authorization': f'Bearer {token}'})
    return sent


def test_the_packages_own_requests_look_for_no_table_twice(app: Flask, token: str) -> None:
    own = len(Base.metadata.tables) - len(looked_for(app, '/'))

    assert own == len(OWN_TABLES & set(Base.metadata.tables))
    assert looked_for(app, '/api/v1/runs/1/retry', token) == []
    assert looked_for(app, '/api/v1/runs/1/retry') == []


def test_the_packages_own_requests_make_tables_that_are_not_there(token: str, app: Flask) -> None:
    db.session.remove()
    db.drop_all()

    assert len(looked_for(app, '/api/v1/runs/1/retry', token)) == len(Base.metadata.tables)
    assert looked_for(app, '/api/v1/runs/1/retry', token) == []


def test_a_table_that_was_dropped_is_made_again(app: Flask, asked: list[Statement]) -> None:
    with app.app_context():
        db.drop_all()
        asked.clear()

        db.create_all()
        assert [statement.split()[0] for statement in asked].count('CREATE') == 2  # The table and its index.

        asked.clear()
        db.create_all()
        assert asked == []


def test_a_table_that_was_dropped_through_a_variant_of_the_engine_is_made_again(app: Flask, tmp_path: Path) -> None:
    engine = create_engine(f'sqlite:///{tmp_path}/other.db')
    Base.metadata.create_all(engine)

    Base.metadata.drop_all(engine.execution_options(isolation_level='SERIALIZABLE'))
    Base.metadata.create_all(engine)

    assert inspect(engine).has_table('run_retry')
    engine.dispose()


def test_each_database_is_looked_at(app: Flask, tmp_path: Path) -> None:
    other = create_engine(f'sqlite:///{tmp_path}/other.db')

    Base.metadata.create_all(other)

    assert inspect(other).has_table('run_retry')
    other.dispose()


def test_whoever_asks_for_certain_tables_gets_them(app: Flask, tmp_path: Path) -> None:
    other = create_engine(f'sqlite:///{tmp_path}/other.db')
    tables = [Base.metadata.tables['user']]

    Base.metadata.create_all(other, tables)
    assert inspect(other).get_table_names() == ['user']

    with other.begin() as connection:
        Base.metadata.create_all(connection, checkfirst=True)
    assert set(inspect(other).get_table_names()) == set(Base.metadata.tables)
    other.dispose()


def test_the_request_state_of_the_host_is_left_alone(app: Flask, alice: User) -> None:
    before = set(g)

    with pytest.raises(Exception):
        retry_run(99)

    assert set(g) == before
