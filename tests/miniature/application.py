"""
The platform in miniature: its request state, its error pages, and the two lines that mount the package.

All modules of models are imported here, used or not: models refer to each other by name.
"""

import logging
import secrets
from typing import Any, Optional

import mod_api.models.api_token
import mod_ci.models
import mod_customized.models
import mod_home.models
import mod_sample.models
import pages
from database import db, enforce_foreign_keys
from flask import Flask, Response, g, render_template, session
from mod_auth.models import User

log = logging.getLogger('Platform')


def create_app(database_uri: str = 'sqlite://', mount: bool = True, **config: Any) -> Flask:
    """
    Make the miniature.

    Parameters
    ----------
    database_uri : str
        SQLite in memory or in a file, or MariaDB through PyMySQL.
    mount : bool
        Mount `mod_runs_api` as the platform would.
    **config
        Further settings of the application.

    Returns
    -------
    Flask
        The application. As on the platform, the tables are made by the first request; use `db.create_all()` within the
        application's context to have them before.
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
    app.register_blueprint(pages.home)
    if mount:
        from mod_runs_api import mod_runs_api
        app.register_blueprint(mod_runs_api, url_prefix='/api/v1')
    return app


def prepare_request() -> None:
    """Set up what the platform's code finds on `g`; Flask-SQLAlchemy removes the session when the request ends."""
    g.db = db.session
    g.log = log
    db.create_all()
    g.user = find_user(session.get('user_id'))


def forbid_inline(response: Response) -> Response:
    """Let pages have scripts, styles and images from here only, and none within the page."""
    response.headers.setdefault('Content-Security-Policy', "default-src 'self'")
    return response


def find_user(user_id: Optional[int]) -> Optional[User]:
    """Return the user whom a session cookie names."""
    return None if user_id is None else db.session.get(User, user_id)


def show_error(error: Exception) -> tuple[str, int]:
    """Show the platform's own page of an error."""
    status = getattr(error, 'code', None) or 500
    return render_template('error.html', status=status), status


def dispose(app: Flask) -> None:
    """Close an application's connections to its database."""
    with app.app_context():
        db.engine.dispose()
