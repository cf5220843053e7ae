"""The part about retries of the platform's report on a run (docs/github.rst, "The report on a pull request")."""

from dataclasses import dataclass

from .author import AuthorHint
from .run import OtherBuild
from .verdict import Verdict


@dataclass(frozen=True)
class Report:
    """The verdicts and the sentences that the report on a run states."""

    verdict: Verdict
    #: The carried-over results of other builds.
    other_builds: list[OtherBuild]
    #: The sentence for the author of the pull request; None if there is none.
    author_hint: AuthorHint | None
