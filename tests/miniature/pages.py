"""The pages people see: log in and out, the newest runs, one run, one regression test."""

from typing import Any, Optional, Union

import verdict
from flask import (Blueprint, abort, flash, g, jsonify, redirect,
                   render_template, request, session, url_for)
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test
from sqlalchemy import select
from werkzeug.wrappers import Response

auth = Blueprint('auth', __name__)
home = Blueprint('home', __name__)
regression = Blueprint('regression', __name__)
test = Blueprint('test', __name__)

NEWEST = 50


@auth.route('/login', methods=['GET', 'POST'])
def login() -> Union[str, Response]:
    """Log a user in by name and password."""
    if request.method == 'POST':
        user = g.db.scalars(select(User).where(User.name == request.form.get('name'))).first()
        if user is not None and user.is_password_valid(request.form.get('password', '')):
            session['user_id'] = user.id
            return redirect(url_for('test.index'))
        flash('Wrong name or password.')
    return render_template('login.html')


@auth.route('/logout')
def logout() -> Response:
    """Forget who is logged in."""
    session.clear()
    return redirect(url_for('auth.login'))


@home.route('/')
def index() -> Response:
    """Begin with the runs."""
    return redirect(url_for('test.index'))


@test.route('/', endpoint='index')
def newest() -> str:
    """List the newest runs."""
    return render_template('runs.html', runs=g.db.scalars(select(Test).order_by(Test.id.desc()).limit(NEWEST)).all())


@test.route('/<int:test_id>')
def by_id(test_id: int) -> str:
    """Show one run."""
    run = _find(test_id)
    return render_template('run.html', run=run, categories=verdict.by_category(g.db, run))


@test.route('/<int:test_id>.json')
def by_id_json(test_id: int) -> Response:
    """Return what the page of a run shows, as JSON."""
    run = _find(test_id)
    return jsonify({
        'run_id': run.id,
        'progress': [stage.status.value for stage in run.progress],
        'tests': [_as_json(entry) for entry in verdict.by_test(g.db, run)],
    })


@regression.route('/test/<int:regression_id>/view')
def test_view(regression_id: int) -> str:
    """Show one regression test."""
    test: Optional[RegressionTest] = g.db.get(RegressionTest, regression_id)
    if test is None:
        abort(404)
    return render_template('regression_test.html', test=test)


def _find(test_id: int) -> Test:
    run: Optional[Test] = g.db.get(Test, test_id)
    if run is None:
        g.log.error(f'there is no run {test_id}')
        abort(404)
    return run


def _as_json(entry: verdict.TestVerdict) -> dict[str, Any]:
    return {
        'regression_test_id': entry.regression_test.id,
        'exit_code': entry.exit_code,
        'expected_rc': entry.expected_rc,
        'error': entry.error,
    }
