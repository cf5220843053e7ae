"""What happens if a service is not there: the test is skipped, or fails if services are required."""

from __future__ import annotations

import os
from importlib.util import find_spec
from shutil import which
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the current test, or fail it if the environment variable `RUNS_API_SERVICES` is `required`."""
    if os.environ.get('RUNS_API_SERVICES') == 'required':
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need_modules(*names: str) -> None:
    """Go on only where Python modules are installed."""
    absent = [name for name in names if find_spec(name) is None]
    if absent:
        missing(f'not installed: {", ".join(absent)}')


def need_program(*names: str) -> str:
    """Return the path of the first of these programs that is installed."""
    path = os.pathsep.join([os.environ.get('PATH', os.defpath), '/usr/sbin', '/usr/local/sbin'])
    for name in names:
        found = which(name, path=path)
        if found is not None:
            return found
    missing(f'not installed: {" or ".join(names)}')
