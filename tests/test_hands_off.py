"""Nothing of the host or of the libraries is replaced, wrapped or patched (docs/testing.rst)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from support import hands_off

TESTS = Path(__file__).parent


@pytest.fixture(scope='module')
def comparison() -> dict[str, Any]:
    """Compare the host and the libraries before and after the registration, in a Python of its own."""
    path = [TESTS.parent, TESTS, TESTS / 'miniature']
    done = subprocess.run([sys.executable, hands_off.__file__], capture_output=True, text=True, check=True,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, path))})
    compared: dict[str, Any] = json.loads(done.stdout)
    return compared


def test_registration_leaves_the_host_and_the_libraries_as_they_are(comparison: dict[str, Any]) -> None:
    assert {kind: compared['changed'] for kind, compared in comparison.items()} == {
        'functions of the libraries': [], 'functions of the host': [], 'rules of the host': [],
        'methods of the application': [], 'methods of the metadata': [], 'objects': []}


def test_thousands_of_functions_are_compared(comparison: dict[str, Any]) -> None:
    assert comparison['functions of the libraries']['compared'] > 5000
    assert comparison['functions of the host']['compared'] > 20
    assert comparison['rules of the host']['compared'] > 5


def test_the_hooks_of_the_host_run_once_a_request(app: Flask) -> None:
    calls: list[str] = []
    app.before_request(lambda: calls.append('before'))
    app.teardown_request(lambda _: calls.append('after'))

    app.test_client().post('/api/v1/runs/1/retry')

    assert calls == ['before', 'after']
