"""The line about retries in the platform's report on a run (docs/github.rst, "The report on a pull request")."""

from dataclasses import dataclass

from .attempts import Attempt
from .author import AuthorHint
from .verdict import Verdict


@dataclass(frozen=True)
class Report:
    """The facts about the attempts of a run that the report on it states."""

    #: The run of the report.
    own: Attempt
    verdict: Verdict
    #: The sentence for the author of the pull request; None if there is none.
    author_hint: AuthorHint | None
