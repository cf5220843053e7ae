"""The regression tests of the platform, as they are now."""

from collections.abc import Mapping, Set
from typing import NamedTuple


class Catalogue(NamedTuple):
    """The regression tests of the platform."""

    #: The active tests.
    active: Set[int]
    #: The tests in a category. No worker receives any other test.
    in_category: Set[int]
    #: The exit code that is expected of each test.
    expected_rc: Mapping[int, int | None]
