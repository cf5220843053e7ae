"""The pages people see: log in and out, the newest runs, one run, one regression test."""

import verdict
from database import db
from flask import Blueprint, g, redirect, render_template, request, session, url_for
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test
from sqlalchemy import select

auth = Blueprint('auth', __name__)
regression = Blueprint('regression', __name__)
test = Blueprint('test', __name__)


@auth.route('/login')
def login():
    """Log a user in by name. There is nothing here to protect with a password."""
    names = g.db.scalars(select(User.name).order_by(User.id)).all()
    if request.args.get('name') not in names:
        return render_template('login.html', names=names)
    session['user_id'] = g.db.scalars(select(User.id).where(User.name == request.args['name'])).one()
    return redirect(url_for('test.index'))


@test.route('/', endpoint='index')
def newest():
    """List the newest runs."""
    return render_template('runs.html', runs=g.db.scalars(select(Test).order_by(Test.id.desc()).limit(50)).all())


@test.route('/<int:test_id>')
def by_id(test_id):
    """Show one run."""
    run = db.get_or_404(Test, test_id)
    return render_template('run.html', run=run, tests=verdict.by_test(g.db, run))


@regression.route('/test/<int:regression_id>/view')
def test_view(regression_id):
    """Show one regression test."""
    return render_template('regression_test.html', test=db.get_or_404(RegressionTest, regression_id))
