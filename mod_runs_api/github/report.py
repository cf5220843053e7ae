"""The line about retries in the platform's report (docs/github.rst, "The report on a pull request")."""

from collections.abc import Sequence

from ..domain.history import PageNotes
from ..domain.sentences import Finding, count_attempts, counted, list_findings
from ..domain.verdict import TestVerdict
from ..extension import extension_state
from ..log import describe, log
from ..platform.runtime import regression_test_page, run_page, to_external
from ..service.history import read_page_notes

#: The number of tests with one verdict that are linked.
MAX_LINKS = 10


def retry_report(run_id: int) -> str:
    """
    Return what the report on a run says about retries, as a line of Markdown; empty if there is nothing to say.

    It says the same as the page of the run to a stranger. It is empty on any error, too.
    """
    try:
        state = extension_state()
        return _to_report(state.transactions.read(read_page_notes, state, run_id, has_button=False))
    except Exception as fault:
        log.error(f'the verdicts of run {run_id} are missing in the report: {describe(fault)}')
        return ''


def _to_report(notes: PageNotes) -> str:
    history, hint = notes.history, notes.author_hint
    sentences = [] if history is None else [
        _to_sentence(history.verdict.tests), history.carried_over(_link_run), history.other_builds]
    return ' '.join(filter(None, [*sentences, '' if hint is None else hint.markdown]))


def _to_sentence(tests: Sequence[TestVerdict]) -> str:
    """Return the verdicts with links in a sentence; empty if there are no findings."""
    findings = [_to_markdown(finding) for finding in list_findings(tests)]
    return f'Over {counted(count_attempts(tests), "attempt")}: {", ".join(findings)}.' if findings else ''


def _to_markdown(finding: Finding) -> str:
    """Return a finding with links to its tests: "2 tests are flaky ([12](…), [40](…))"."""
    links = [_link_test(regression_test_id) for regression_test_id in finding.regression_test_ids[:MAX_LINKS]]
    left_out = len(finding.regression_test_ids) - len(links)
    if left_out:
        links.append(f'and {left_out} more')
    return f'{finding.text} ({", ".join(links)})' if links else finding.text


def _link_test(regression_test_id: int) -> str:
    return _link(str(regression_test_id), to_external(regression_test_page, regression_test_id))


def _link_run(run_id: int) -> str:
    return _link(f'run {run_id}', to_external(run_page, run_id))


def _link(text: str, address: str | None) -> str:
    return text if address is None else f'[{text}]({address})'
