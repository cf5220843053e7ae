"""Counting flaky tests over many runs."""

from support.executions import FAIL, NOT_RUN, PASS
from support.verdicts import verdicts_of

from mod_runs_api.domain.statistics import FlakyTest, FlakyTests, count_flaky
from mod_runs_api.domain.verdict import Verdict

IDENTICAL, FLAKY, ONCE = [FAIL, FAIL], [PASS, FAIL], [NOT_RUN, FAIL]


def test_flaky_tests_are_counted_the_most_often_flaky_first():
    def verdict(run_id, *histories):
        return Verdict(run_id, run_id, [], 'pass', {}, None, verdicts_of(*histories))

    found = count_flaky([
        verdict(9, IDENTICAL, FLAKY, ONCE), verdict(5, FLAKY, FLAKY, FLAKY), verdict(3, IDENTICAL, FLAKY)])

    assert found == FlakyTests(3, [
        FlakyTest(2, 'command 2', 3, 3, 9), FlakyTest(1, 'command 1', 1, 3, 5), FlakyTest(3, 'command 3', 1, 1, 5)])
