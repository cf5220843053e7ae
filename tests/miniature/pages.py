"""The pages people see: log in and out, the newest runs, one run, one regression test."""

from typing import Union

import verdict
from database import db
from flask import (Blueprint, flash, g, redirect, render_template, request,
                   session, url_for)
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test
from sqlalchemy import select
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response

auth = Blueprint('auth', __name__)
home = Blueprint('home', __name__)
regression = Blueprint('regression', __name__)
test = Blueprint('test', __name__)


@auth.route('/login', methods=['GET', 'POST'])
def login() -> Union[str, Response]:
    """Log a user in by name and password."""
    if request.method == 'POST':
        user = g.db.scalars(select(User).where(User.name == request.form.get('name'))).first()
        if user is not None and check_password_hash(user.password, request.form.get('password', '')):
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
    return render_template('runs.html', runs=g.db.scalars(select(Test).order_by(Test.id.desc()).limit(50)).all())


@test.route('/<int:test_id>')
def by_id(test_id: int) -> str:
    """Show one run."""
    run = db.get_or_404(Test, test_id)
    return render_template('run.html', run=run, categories=verdict.by_category(g.db, run))


@regression.route('/test/<int:regression_id>/view')
def test_view(regression_id: int) -> str:
    """Show one regression test."""
    return render_template('regression_test.html', test=db.get_or_404(RegressionTest, regression_id))
