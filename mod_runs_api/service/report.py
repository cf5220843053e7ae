"""Reading what the platform's report on a pull request says about retries (docs/github.rst)."""

from dataclasses import dataclass

from .. import clock
from ..database import Database
from ..database.runs import find_run
from ..domain.comments import may_tell_author
from ..domain.run import OtherBuild
from ..domain.verdict import Verdict
from ..settings import Settings
from .author import find_author_hint
from .verdict import judge_attempts, read_all_attempts


@dataclass(frozen=True)
class Report:
    """What the platform's report on a run says about retries."""

    verdict: Verdict
    #: The carried-over results of other builds.
    other_builds: list[OtherBuild]
    #: The sentence for the author of the pull request; None if there is none.
    author_hint: str | None


def read_report(db: Database, settings: Settings, run_id: int) -> Report:
    """Return what the report on a run says about retries. Raises :exc:`RunNotFound`."""
    run = find_run(db, run_id)
    facts = read_all_attempts(db, run)
    verdict = judge_attempts(db, facts)
    may_tell = settings.author_retries > 0 and may_tell_author(run, facts.progress, clock.now(), settings.max_silence)
    return Report(verdict, facts.list_other_builds(run_id),
                  find_author_hint(db, settings, facts, verdict) if may_tell else None)
