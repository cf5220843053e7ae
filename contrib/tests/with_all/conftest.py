"""The real platform with all mails, and databases for it."""

import pytest
from on_platform.conftest import kind, process, rows, story, unmounted

from .mails import copy_with_all

# These fixtures are used as they are.
__all__ = ['kind', 'process', 'rows', 'story', 'unmounted']


@pytest.fixture(scope='session')
def telling(unmounted):
    """The copy of the platform that stories are told to."""
    return copy_with_all(unmounted)
