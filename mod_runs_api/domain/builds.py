"""Builds: the commits that the programs of runs were built from (docs/api.rst, "Builds")."""

from __future__ import annotations

from collections.abc import Mapping

#: How much of a commit's hash is shown.
SHOWN_LENGTH = 8


def are_different(one: str | None, other: str | None) -> bool:
    """Return whether two builds are known and different. An abbreviation, in any case, is no difference."""
    if not one or not other:
        return False
    shorter, longer = sorted((one.lower(), other.lower()), key=len)
    return not longer.startswith(shorter)


def count_other_builds(own: str | None, counts: Mapping[int, int], builds: Mapping[int, str | None]) -> dict[str, int]:
    """
    Return how many results of a run are of each other build.

    ``counts`` says how many were carried over from each run, and ``builds`` has the build of each of these runs.
    """
    others: dict[str, int] = {}
    for run_id, count in counts.items():
        build = builds.get(run_id)
        if build is not None and are_different(own, build):
            known = next((other for other in others if not are_different(other, build)), build)
            others[known] = others.get(known, 0) + count
    return others
