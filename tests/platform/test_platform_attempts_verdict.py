"""What the attempts of a run prove on the platform, told by its own protocol (contract section 1, ``/verdict``)."""

from __future__ import annotations

import json
import re

import pytest
from checkout import Platform, copy
from protocol import CRASH, MISSING, Outcome, Story, differs

pytestmark = pytest.mark.platform


@pytest.fixture(scope='session')
def telling(unmounted: Platform) -> Platform:
    """Return a copy of the platform with the mount, and with the history and the line in the report of the docs."""
    platform = copy(unmounted, 'proving', mounted=True)
    platform.apply('pages', 'report')
    return platform


def of_each_test(story: Story, run_id: int) -> dict[int, str]:
    """Return the verdict on each test, from the route."""
    answer = story.ask('GET', f'/runs/{run_id}/verdict?limit=100')
    return {entry['regression_test_id']: entry['verdict'] for entry in answer['data']}


def test_three_attempts_of_a_pull_request_tell_flaky_from_broken(story: Story) -> None:
    broken, flaky, unstable, good = story.tests(4)
    first = story.complete(story.open_pull([broken, flaky, unstable, good]),
                           {broken: CRASH, flaky: CRASH, unstable: differs('one')})
    second = story.complete(story.retry(first), {broken: CRASH, unstable: differs('two')})
    third = story.complete(story.retry(second), {broken: CRASH, unstable: MISSING})

    answer = story.ask('GET', f'/runs/{third}/verdict')

    assert of_each_test(story, first) == {broken: 'failing_identically', flaky: 'flaky',
                                          unstable: 'failing_differently', good: 'passed'}
    assert answer['meta']['overall'] == 'fail'
    assert answer['meta']['attempts'] == [first, second, third]
    outcomes = {entry['regression_test_id']: [attempt['outcome'] for attempt in entry['attempts']]
                for entry in answer['data']}
    # A crash writes no output, and the platform's API tells that first.
    assert outcomes == {broken: ['missing_output'] * 3, flaky: ['missing_output', 'pass', 'carried_over'],
                        unstable: ['fail', 'fail', 'missing_output'],
                        good: ['pass', 'carried_over', 'carried_over']}


def test_page_and_report_say_what_three_attempts_proved(story: Story) -> None:
    broken, flaky, good = story.tests(3)
    first = story.complete(story.open_pull([broken, flaky, good]), {broken: CRASH, flaky: CRASH})
    before = story.report(first)
    second = story.complete(story.retry(first), {broken: CRASH, flaky: CRASH})
    third = story.complete(story.retry(second), {broken: CRASH})

    report, page = story.report(third), re.sub(r'\s+', ' ', story.page(third))

    assert 'attempts:' not in before
    link = 'http://localhost/regression/test/{}/view'
    assert (f'Over 3 attempts: 1 test is flaky ([{flaky}]({link.format(flaky)})), 1 fails each time in the same way '
            f'([{broken}]({link.format(broken)})).') in report
    assert 'Over 3 attempts 1 test is flaky and 1 fails each time in the same way.' in page


def test_the_command_says_what_the_route_says(story: Story) -> None:
    broken, flaky = story.tests(2)
    first = story.complete(story.push([broken, flaky]), {broken: CRASH, flaky: CRASH})
    story.complete(story.retry(first), {broken: CRASH})

    printed = story.platform.flask('runs-api', 'verdict', str(first), '--json', database=story.rows.address)

    answer = story.ask('GET', f'/runs/{first}/verdict')
    assert json.loads(printed.stdout) == {'data': answer['data'], 'meta': answer['meta']}
    assert printed.returncode == 1


OUTCOMES = [differs('one'), differs('two'), Outcome(1, 'one'), Outcome(1, 'two'), Outcome(2, 'one')]


def test_two_failures_are_identical_where_the_platform_says_so(story: Story) -> None:
    pairs = [(one, other) for one in OUTCOMES for other in OUTCOMES]
    tests = story.tests(len(pairs))
    first = story.complete(story.push(tests), {test: one for test, (one, _) in zip(tests, pairs)})
    second = story.complete(story.retry(first), {test: other for test, (_, other) in zip(tests, pairs)})

    verdicts = of_each_test(story, first)
    judged = story.process.call('compare', run_id=second, reference_id=first)

    # The platform looks at the outputs alone, so it may judge only where the exit codes are the same.
    comparable = [test for test, (one, other) in zip(tests, pairs) if one.exit_code == other.exit_code]
    words = {test: word for word, found in judged.items() for test in found}
    assert {verdicts[test] for test in comparable} == {'failing_identically', 'failing_differently'}
    assert {test: verdicts[test] for test in comparable} == {test: words[test] for test in comparable}
    assert {verdicts[test] for test in tests if test not in comparable} == {'failing_differently'}
