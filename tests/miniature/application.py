"""The platform in miniature: its request state, its error pages, and the two lines that mount the package."""

import secrets
from contextlib import contextmanager

import mod_api.models.api_token
import mod_ci.models
import mod_customized.models
import pages
from database import db, enforce_foreign_keys
from flask import Flask, g, render_template, session
from mod_auth.models import User
from sqlalchemy import inspect

#: Models refer to each other by name, so these are imported although nothing here uses them.
MODELS = (mod_api.models.api_token, mod_ci.models, mod_customized.models)


def create_app(database_uri='sqlite://', mount=True, **config):
    """
    Make the miniature, with further settings.

    As on the platform, its first request makes the tables; `db.create_all()` within its context makes them before.
    """
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=secrets.token_hex(16), DATABASE_URI=database_uri, SQLALCHEMY_DATABASE_URI=database_uri)
    app.config.from_mapping(config)

    db.init_app(app)
    with app.app_context():
        enforce_foreign_keys(db.engine)

    app.before_request(prepare_request)
    app.after_request(forbid_inline)
    for status in (403, 404, 500):
        app.register_error_handler(status, show_error)

    app.register_blueprint(pages.auth, url_prefix='/account')
    app.register_blueprint(pages.test, url_prefix='/test')
    app.register_blueprint(pages.regression, url_prefix='/regression')
    if mount:
        from mod_runs_api import mod_runs_api
        app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    return app


def prepare_request():
    """Set up what the platform's code finds on `g`; Flask-SQLAlchemy removes the session when the request ends."""
    g.db = db.session
    # The platform looks for each table. One look, for the table that was added last, takes a fraction of the time.
    with db.engine.connect() as connection:
        has_tables = inspect(connection).has_table(next(reversed(db.metadata.tables)))
    if not has_tables:
        db.create_all()
    g.user = db.session.get(User, session['user_id']) if 'user_id' in session else None


def forbid_inline(response):
    """Let pages have scripts, styles and images from here only, and none within the page."""
    response.headers.setdefault('Content-Security-Policy', "default-src 'self'")
    return response


def show_error(error):
    """Show the platform's own page of an error."""
    status = getattr(error, 'code', None) or 500
    return render_template('error.html', status=status), status


@contextmanager
def in_application(database_uri, **config):
    """Yield the miniature on a database while the block lasts, which is a request that it has prepared."""
    app = create_app(database_uri, **config)
    try:
        with app.test_request_context():
            app.preprocess_request()
            yield app
            db.session.remove()
    finally:
        dispose(app)


def dispose(app):
    """Close an application's connections to its database."""
    with app.app_context():
        db.engine.dispose()
