"""Builds: the commits that the programs of runs were built from (docs/api.rst, "Builds")."""

from collections.abc import Mapping
from typing import NamedTuple

#: How much of a commit's hash is shown.
SHOWN_LENGTH = 8


class OtherBuild(NamedTuple):
    """Results of a run that were carried over from attempts of another build."""

    built_commit_sha: str
    results: int

    @property
    def short(self) -> str:
        """The commit, abbreviated."""
        return self.built_commit_sha[:SHOWN_LENGTH]


def are_different(one: str | None, other: str | None) -> bool:
    """Return whether two builds are known and different. Upper and lower case and abbreviations are the same."""
    if not one or not other:
        return False
    shorter, longer = sorted((one.lower(), other.lower()), key=len)
    return not longer.startswith(shorter)


def list_other_builds(run_id: int, counts: Mapping[int, int], builds: Mapping[int, str | None]) -> list[OtherBuild]:
    """Return the results of a run that are of other builds, from the number carried over from each run."""
    results: dict[str, int] = {}
    for origin_id, count in counts.items():
        build = builds[origin_id]
        if build is not None and are_different(builds[run_id], build):
            known = next((other for other in results if not are_different(other, build)), build)
            results[known] = results.get(known, 0) + count
    return [OtherBuild(build, count) for build, count in results.items()]
