"""Mount the installed package in a host of a few lines, without the miniature: everything must be in the wheel."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from flask import Flask
from sqlalchemy import Boolean, Integer, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.pool import StaticPool

import mod_runs_api

COLUMNS = {
    'Test': 'platform test_type fork_id branch commit pr_nr token',
    'TestProgress': 'test_id status timestamp message',
    'TestResult': 'test_id regression_test_id runtime exit_code expected_rc',
    'TestResultFile': 'test_id regression_test_id regression_test_output_id expected got',
    'CustomizedTest': 'test_id regression_id',
    'TestFork': 'user_id test_id',
    'RegressionTest': 'active',
    'RegressionTestOutput': 'regression_id ignore',
    'RegressionTestOutputFiles': 'regression_test_output_id file_hashes',
    'User': 'name role',
}


class Base(DeclarativeBase):
    """The host's metadata."""


def model(name: str, columns: str) -> type:
    """Return a model with an id and these columns."""
    def kind(column: str) -> object:
        if column in ('active', 'ignore'):
            return mapped_column(Boolean)
        return mapped_column(Integer if column.endswith(('id', 'nr', 'code', 'rc')) else String(64), nullable=True)

    return type(name, (Base,), {'__tablename__': name, 'id': mapped_column(Integer, primary_key=True),
                                **{column: kind(column) for column in columns.split()}})


models = {name: model(name, columns) for name, columns in COLUMNS.items()}
engine = create_engine('sqlite://', poolclass=StaticPool, connect_args={'check_same_thread': False})
app = Flask(__name__)
app.register_blueprint(mod_runs_api.create_blueprint(models=models, session=lambda: Session(engine)),
                       url_prefix='/api/v1')
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all([models['Test'](id=1, branch='master'), models['RegressionTest'](id=7, active=True)])
    session.add(models['User'](name='alice', role='admin'))
    session.commit()

made = app.test_cli_runner().invoke(
    args=['runs-api', 'token', 'create', 'alice', '--name', 'ci', '--scope', 'runs:write'])
answer = app.test_client().post('/api/v1/runs/1/retry', headers={'Authorization': f'Bearer {made.output.strip()}'})

assert answer.status_code == 202, answer.data
assert answer.json and answer.json['new_run_id'] == 2, answer.json
assert Path(mod_runs_api.__file__).with_name('py.typed').exists()
assert app.jinja_env.get_template('runs_api/retry.html')
assert version('mod-runs-api') == mod_runs_api.__version__
print(f'mod_runs_api {mod_runs_api.__version__} from {mod_runs_api.__file__}: {answer.json["message"]}')
engine.dispose()
