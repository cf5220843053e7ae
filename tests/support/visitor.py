"""Visitors of the miniature's pages, without a browser."""

import seed
from bs4 import BeautifulSoup
from database import db
from mod_auth.models import Role, User
from sqlalchemy import select

ORIGIN = 'http://localhost'


class Visitor:
    """
    A visitor with a session of their own on the miniature, which has no context that outlives a request.

    The user of this name is created if there is none; None is a visitor who is not logged in.
    """

    def __init__(self, site, name='alice', role=Role.contributor):
        self.client = site.test_client()
        if name is not None:
            with site.app_context():
                found = db.session.scalar(select(User.id).where(User.name == name))
                user_id = found or seed.user(name, role).id
                db.session.commit()
            with self.client.session_transaction() as session:
                session['user_id'] = user_id

    def page(self, path):
        """Return the HTML of a page."""
        response = self.client.get(path)
        assert response.status_code == 200, response.status
        return response.text

    def soup(self, path):
        """Return a page, parsed."""
        return BeautifulSoup(self.page(path), 'html.parser')

    def csrf_token(self, run_id):
        """Return the CSRF token that the page of a run has for its script."""
        return self.soup(f'/test/{run_id}').dialog['data-csrf-token']

    def press(self, run_id, body=None, *, csrf_token=None, **headers):
        """
        Ask for a retry as the page's script does, with some headers changed. ``Origin=None`` leaves that one out.

        ``csrf_token`` is one that was on the page before, if there is no button on it any more.
        """
        sent = {'X-CSRFToken': csrf_token or self.csrf_token(run_id), 'Origin': ORIGIN, 'Sec-Fetch-Site': 'same-origin',
                'Content-Type': 'application/json',
                **{name.replace('_', '-'): value for name, value in headers.items()}}
        return self.client.open(f'/api/v1/runs/{run_id}/retry', method='POST', json=body or {},
                                headers={name: value for name, value in sent.items() if value is not None})
