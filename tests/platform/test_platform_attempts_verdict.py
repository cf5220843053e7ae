"""What the attempts of a run prove on the platform, told by its own protocol (docs/api.rst, "Verdicts")."""

from __future__ import annotations

import pytest
from protocol import CRASH, MISSING, Outcome, Story, differs

pytestmark = pytest.mark.platform


def test_route_page_and_report_say_what_three_attempts_proved(story: Story) -> None:
    broken, flaky, unstable, good = story.tests(4)
    first = story.complete(story.open_pull([broken, flaky, unstable, good]),
                           {broken: CRASH, flaky: CRASH, unstable: differs('one')})
    before = story.report(first)
    second = story.complete(story.retry(first), {broken: CRASH, unstable: differs('two')})
    third = story.complete(story.retry(second), {broken: CRASH, unstable: MISSING})

    answer, report, page = story.verdict(third), story.report(third), story.page(third)

    assert story.verdicts(first) == {broken: 'failing_identically', flaky: 'flaky',
                                     unstable: 'failing_differently', good: 'passed'}
    assert (answer['meta']['overall'], answer['meta']['attempts']) == ('fail', [first, second, third])
    outcomes = {entry['regression_test_id']: [attempt['outcome'] for attempt in entry['attempts']]
                for entry in answer['data']}
    # A crash writes no output, and the platform's API tells that first.
    assert outcomes == {broken: ['missing_output'] * 3, flaky: ['missing_output', 'pass', 'carried_over'],
                        unstable: ['fail', 'fail', 'missing_output'],
                        good: ['pass', 'carried_over', 'carried_over']}
    assert 'attempts:' not in before
    link = 'http://localhost/regression/test/{}/view'
    assert (f'Over 3 attempts: 1 test is flaky ([{flaky}]({link.format(flaky)})), 1 fails each time in the same way '
            f'([{broken}]({link.format(broken)}))') in report
    assert 'Over 3 attempts 1 test is flaky, 1 fails each time in the same way and' in page


OUTCOMES = [differs('one'), differs('two'), Outcome(1, 'one'), Outcome(1, 'two'), Outcome(2, 'one')]


def test_two_failures_are_identical_where_the_platform_says_so(story: Story) -> None:
    pairs = [(one, other) for one in OUTCOMES for other in OUTCOMES]
    tests = story.tests(len(pairs))
    first = story.complete(story.push(tests), {test: one for test, (one, _) in zip(tests, pairs)})
    second = story.complete(story.retry(first), {test: other for test, (_, other) in zip(tests, pairs)})

    verdicts = story.verdicts(first)
    judged = story.process.call('compare', run_id=second, reference_id=first)

    # The platform looks at the outputs alone, so it may judge only where the exit codes are the same.
    comparable = [test for test, (one, other) in zip(tests, pairs) if one.exit_code == other.exit_code]
    words = {test: word for word, found in judged.items() for test in found}
    assert {verdicts[test] for test in comparable} == {'failing_identically', 'failing_differently'}
    assert {test: verdicts[test] for test in comparable} == {test: words[test] for test in comparable}
    assert {verdicts[test] for test in tests if test not in comparable} == {'failing_differently'}
