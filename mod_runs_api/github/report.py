"""The line about retries in the platform's report (docs/github.rst, "The report on a pull request")."""

from collections.abc import Sequence

from ..domain.run import OtherBuild
from ..domain.sentences import Finding, count_attempts, counted, list_findings, other_builds_sentence
from ..domain.verdict import Verdict
from ..extension import extension_state
from ..host.log import describe, log
from ..host.runtime import regression_test_page, to_external
from ..service.attempts import read_other_builds
from ..service.verdict import read_verdict

#: The number of tests with one verdict that are linked.
MAX_LINKS = 10


def retry_report(run_id: int) -> str:
    """Return the verdicts as a line of Markdown; empty for a run without retries, and on any error."""
    try:
        return _to_report(*extension_state().transactions.read(
            lambda db: (read_verdict(db, run_id), read_other_builds(db, run_id))))
    except Exception as fault:
        log().error(f'the verdicts of run {run_id} are missing in the report: {describe(fault)}')
        return ''


def _to_report(verdict: Verdict, other_builds: Sequence[OtherBuild]) -> str:
    findings = [_to_markdown(finding) for finding in list_findings(verdict.tests)]
    sentence = f'Over {counted(count_attempts(verdict.tests), "attempt")}: {", ".join(findings)}.' if findings else ''
    return ' '.join(filter(None, [sentence, other_builds_sentence(other_builds)]))


def _to_markdown(finding: Finding) -> str:
    """Return a finding with links to its tests: "2 tests are flaky ([12](…), [40](…))"."""
    links = [_link(regression_test_id) for regression_test_id in finding.regression_test_ids[:MAX_LINKS]]
    left_out = len(finding.regression_test_ids) - len(links)
    if left_out:
        links.append(f'and {left_out} more')
    return f'{finding.text} ({", ".join(links)})' if links else finding.text


def _link(regression_test_id: int) -> str:
    address = to_external(regression_test_page, regression_test_id)
    return str(regression_test_id) if address is None else f'[{regression_test_id}]({address})'
