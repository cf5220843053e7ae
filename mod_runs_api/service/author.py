"""Telling the author of a pull request that a comment may retry its run (docs/github.rst, "For contributors")."""

from ..database import Database
from ..database.attempts import count_author_retries
from ..database.causes import read_run_summaries
from ..database.runs import find_newest_run, find_run
from ..domain.attempts import AttemptFacts
from ..domain.comments import list_unexplained, tell_author
from ..domain.outcomes import find_outcomes
from ..domain.retry import RetryFacts
from ..domain.run import PullRequest
from ..domain.verdict import Verdict
from ..host.github import github_access
from ..host.log import describe, log
from ..settings import Settings
from .master import find_failing_on_master


def find_author_hint(db: Database, settings: Settings, facts: AttemptFacts, verdict: Verdict) -> str | None:
    """Return the sentence that names the command to the author; None if the command would do nothing of use."""
    try:
        return _find_hint(db, settings, facts, verdict)
    except Exception as fault:
        log().error(f'the sentence for the author of the pull request is missing at run {facts.run.id}: '
                    f'{describe(fault)}')
        return None


def _find_hint(db: Database, settings: Settings, facts: AttemptFacts, verdict: Verdict) -> str | None:
    run = facts.run
    # The run that the command takes if GitHub does not answer. No request is sent here.
    pull_request = PullRequest(github_access().address_end, run.pr_nr, head_commit=None)
    if find_newest_run(db, pull_request, run.platform) != run.root_id:
        return None
    retries_left = settings.author_retries - count_author_retries(db, run.root_id)
    if retries_left <= 0:
        return None
    source_id = facts.source_of_failed
    source = run if source_id == run.id else find_run(db, source_id)
    active_ids = [test.regression_test_id for test in verdict.tests if test.active]
    tests = facts.tests[source_id]
    option = settings.retry_rules.find_option(
        RetryFacts(source, find_outcomes(tests), tests.has_selection, (), active_ids), failed_only=True)
    summary = read_run_summaries(db, {source_id: facts.progress[source_id]})[source_id]
    unexplained = list_unexplained(summary, option.regression_test_ids, verdict.tests)
    if not unexplained:
        return None
    _, failing_on_master = find_failing_on_master(db, source, unexplained)
    return tell_author(run.platform, retries_left) if failing_on_master < {*unexplained} else None
