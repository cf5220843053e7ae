"""The build of a run: the commit that its program was built from (docs/api.rst, "Builds")."""

from collections.abc import Mapping
from typing import NamedTuple

from .run import SHOWN_LENGTH


class OtherBuild(NamedTuple):
    """Results of a run that were carried over from attempts of another build."""

    built_commit_sha: str
    results: int

    @property
    def short(self) -> str:
        """The commit, abbreviated."""
        return self.built_commit_sha[:SHOWN_LENGTH]


def are_different_builds(one: str | None, other: str | None) -> bool:
    """Return whether two builds are different: neither is unknown, nor an abbreviation of the other."""
    one, other = (one or '').lower(), (other or '').lower()
    return not (one.startswith(other) or other.startswith(one))


def group_by_build(run_id: int, counts: Mapping[int, int], builds: Mapping[int, str | None]) -> list[OtherBuild]:
    """Return the results of a run that are of other builds, from the number carried over from each run."""
    results: dict[str, int] = {}
    for origin_id, count in counts.items():
        build = builds.get(origin_id)  # The origin run may have been deleted.
        if build is not None and are_different_builds(builds[run_id], build):
            known = next((other for other in results if not are_different_builds(other, build)), build)
            results[known] = results.get(known, 0) + count
    return [OtherBuild(build, count) for build, count in results.items()]
