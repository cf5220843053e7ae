"""Each Python example of README and docs runs as printed: code, lines of ``config.py`` and lines of ``run.py``."""

import logging
import re
import sys
from textwrap import dedent
from types import SimpleNamespace

import pytest
import seed
from application import create_app, dispose
from support.documents import PAGES
from support.isolation import without_request

from mod_runs_api.settings import read_settings

BLOCK = re.compile(r'(?:\.\. code-block:: python|::)\n\n((?:    .*\n|\n)+)')


def read_examples():
    """Return the Python examples of all pages, each with the name of its page."""
    examples = []
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text()):
            if block[0].startswith('..') or 'mod_runs_api import' in block[0]:
                examples.append(pytest.param(dedent(block[1]), id=f'{page.name} {dedent(block[1]).splitlines()[0]}'))
    return examples


@pytest.mark.parametrize('code', read_examples())
def test_each_python_example_runs_as_it_is_printed(app, rows, code, monkeypatch, caplog):
    assert seed.bulk_runs(42, 2, 1)[-1] == 42
    seed.user('alice')
    seed.db.session.commit()
    monkeypatch.setitem(sys.modules, 'run', SimpleNamespace(app=app))
    # The names in the platform's run.py before the lines that the examples add to it.
    unmounted = create_app('sqlite://', mount=False)
    names = {'app': unmounted, 'log_configuration': SimpleNamespace(create_logger=logging.getLogger)}

    without_request(app, lambda: exec(compile(code, 'example', 'exec'), names))

    read_settings({name: value for name, value in names.items() if name.isupper()})
    assert caplog.messages == []
    assert len(rows.retries) == code.count('retry_run(')
    dispose(unmounted)
