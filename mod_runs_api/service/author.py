"""The author of a pull request: how many retries are left, and the sentence that says so (docs/github.rst)."""

from collections.abc import Mapping
from datetime import timedelta

from .. import clock
from ..database import Database
from ..database.attempts import count_author_retries
from ..database.runs import find_newest_run
from ..domain.attempts import AttemptFacts
from ..domain.author import AuthorHint, find_unexplained, have_all_ended
from ..domain.progress import Progress
from ..domain.retry import RetryFacts, RetryRules
from ..domain.run import PullRequest, Run
from ..domain.sentences import counted
from ..domain.verdict import Verdict
from ..errors import RefusedByCheck
from ..host.github import github_access
from ..settings import Settings
from .master import find_failing_on_master


def require_retries_left(author_retries: int, db: Database, run: Run) -> None:
    """Raise :exc:`RefusedByCheck` if the author has used up this number of retries of a root run."""
    used = count_author_retries(db, run.root_id)
    if used >= author_retries:
        raise RefusedByCheck(f'The author of this pull request has retried this run {counted(used, "time")} already. '
                             'Ask a maintainer to retry it.', run_id=run.id)


def count_retries_left(db: Database, settings: Settings, run: Run, attempts: Mapping[int, Progress],
                       max_age: timedelta | None = None) -> int:
    """Return how many retries of a run its author may request now; 0 if the command would take another run, or none."""
    rules = settings.retry_rules
    if not (rules.allow_author(run) and have_all_ended(run.id, attempts, clock.now(), settings.max_silence, max_age)):
        return 0
    # The run that the command takes if GitHub does not answer. No request is sent here.
    pull_request = PullRequest(github_access().address_end, run.pr_nr, head_commit=None)
    if find_newest_run(db, pull_request, run.platform) != run.root_id:
        return 0
    return max(0, rules.author_retries - count_author_retries(db, run.root_id))


def find_author_hint(db: Database, rules: RetryRules, facts: AttemptFacts, verdict: Verdict,
                     retries_left: int) -> AuthorHint | None:
    """Return the sentence that names the command to the author; None if the command would do nothing of use."""
    if not retries_left:
        return None
    source_id = facts.source_of_failed
    option = rules.find_option(RetryFacts.of(facts, source_id), failed_only=True)
    unexplained = find_unexplained(facts.summarize(source_id), option.regression_test_ids, verdict.tests)
    _, failing_on_master = (find_failing_on_master(db, facts.run, source_id, unexplained) if unexplained else
                            (None, set()))
    return AuthorHint.of(facts.run.platform, retries_left) if unexplained - failing_on_master else None
