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

    def find_selected(self, selection: Set[int] | None) -> Set[int]:
        """Return the selected tests of a run, from its rows in ``customized_test``; None if it has none."""
        # Such a run ran every test of its time. The tests that are active now stand for its unknown selection.
        return self.active if selection is None else selection
