"""Settings of Sphinx, which builds these pages: `tox run -e docs`."""

from __future__ import annotations

from posixpath import dirname, join, normpath

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

project = 'mod_runs_api'
html_theme = 'alabaster'
highlight_language = 'none'

logger = logging.getLogger(__name__)


def resolve_links(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Point links to other pages, written `page.rst#section` so that they work on GitHub, to what Sphinx builds."""
    for reference in doctree.findall(nodes.reference):
        path, suffix, section = reference.get('refuri', '').partition('.rst')
        target = normpath(join(dirname(page), path))
        # A page above docs, such as the README, is not built.
        if not suffix or target.startswith('..'):
            continue
        if target not in app.env.found_docs or (section and section[1:] not in app.env.get_doctree(target).ids):
            logger.warning('No such page or section: %s', reference['refuri'], location=reference)
            continue
        reference['refuri'] = app.builder.get_relative_uri(page, target) + section


def setup(app: Sphinx) -> None:
    """Resolve the links once all pages are read."""
    app.connect('doctree-resolved', resolve_links)
