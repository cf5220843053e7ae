"""The sentences about what attempts prove (docs/api.rst), and the hint of a preview."""

import pytest
from support.executions import CARRIED_OVER, FAIL, NEW_CODE, NO_FILE, NOT_RUN, OTHER_FAIL, PASS
from support.verdicts import verdicts_of

from mod_runs_api.domain.attempts import Attempt
from mod_runs_api.domain.built_commit import group_by_build
from mod_runs_api.domain.sentences import (carried_over_sentence, list_findings, other_builds_sentence, to_hint,
                                           to_sentence)

ONE, TWO = '1a2b3c4d' * 5, '5e6f7a8b' * 5
CHANGED = [PASS, NEW_CODE]

SENTENCES = {
    None: [[FAIL, NOT_RUN]],
    'Over 2 attempts 2 tests are flaky and 1 fails each time in the same way.': [
        [FAIL, PASS], [FAIL, FAIL], [PASS, FAIL]],
    # An attempt that ran nothing is not counted in.
    'Over 2 attempts 1 test is flaky.': [[FAIL, NOT_RUN, PASS]],
    'Over 2 attempts 1 test fails each time but not in the same way, 1 failed in the only attempt that ran it '
    'and 1 never ran.': [[FAIL, OTHER_FAIL], [FAIL, NOT_RUN], [NOT_RUN, NOT_RUN]],
    'Over 2 attempts 2 tests fail each time but not in the same way.': [[FAIL, OTHER_FAIL], [FAIL, OTHER_FAIL]],
    'Over 2 attempts 2 tests failed in the only attempt that ran them and 2 never ran.': [
        [FAIL, NOT_RUN], [NO_FILE, NOT_RUN], [NOT_RUN, NOT_RUN], [NOT_RUN, NOT_RUN], [PASS, PASS]],
    'Over 2 attempts 1 test had another result approved in between.': [CHANGED],
    'Over 2 attempts 2 tests had another result approved in between.': [CHANGED, CHANGED],
    'Over 2 attempts every test passed each time it ran.': [[PASS, PASS], [PASS, CARRIED_OVER]]}


@pytest.mark.parametrize('sentence', SENTENCES)
def test_a_sentence_states_what_the_attempts_prove(sentence):
    assert to_sentence(verdicts_of(*SENTENCES[sentence])) == sentence


def test_a_finding_names_its_tests():
    assert [(finding.text, finding.regression_test_ids) for finding in list_findings(
        verdicts_of([FAIL, PASS], [FAIL, FAIL], [PASS, FAIL]))] == [
        ('2 tests are flaky', (1, 3)), ('1 fails each time in the same way', (2,))]


IDENTICAL, FLAKY, DIFFERING, ONCE = [FAIL, FAIL], [PASS, FAIL], [OTHER_FAIL, FAIL], [NOT_RUN, FAIL]
HARDLY = ': running {} again will hardly change that.'
MASTER = 'in the same way in run 40, the newest of master' + HARDLY


def hint_of(histories, same_in_master, approved=frozenset()):
    """Return the hint about tests 1, 2 and so on. Another test that failed is none of them."""
    return to_hint(verdicts_of(*histories, IDENTICAL), range(1, len(histories) + 1), approved, 40, same_in_master)


@pytest.mark.parametrize(('histories', 'same_in_master', 'hint'), [
    ([IDENTICAL], set(), 'This test failed each time, in the same way' + HARDLY.format('it')),
    ([IDENTICAL, ONCE, ONCE], set(), '1 of the 3 failed each time, in the same way' + HARDLY.format('it')),
    ([IDENTICAL, IDENTICAL, ONCE], set(), '2 of the 3 failed each time, in the same way' + HARDLY.format('them')),
    ([FLAKY, ONCE], set(), '1 of the 2 passed in another attempt: it is flaky.'),
    ([FLAKY, FLAKY, ONCE], set(), '2 of the 3 passed in another attempt: they are flaky.'),
    ([DIFFERING], set(), 'This test failed each time, but not in the same way.'),
    ([ONCE, [FAIL, CARRIED_OVER], [NOT_RUN, NOT_RUN], CHANGED], set(), None),
    ([ONCE, ONCE, ONCE], {1, 3}, '2 of the 3 fail ' + MASTER.format('them')),
    ([ONCE, ONCE], {1, 2}, 'All 2 fail ' + MASTER.format('them'))])
def test_a_hint_states_what_is_known_about_tests_that_may_run_again(histories, same_in_master, hint):
    assert hint_of(histories, same_in_master) == hint


@pytest.mark.parametrize(('histories', 'same_in_master', 'hint'), [
    ([IDENTICAL, FLAKY, DIFFERING, FLAKY, ONCE], set(),
     '2 of the 5 passed in another attempt: they are flaky. 1 of the 5 failed each time, but not in the same way. '
     '1 of the 5 failed each time, in the same way' + HARDLY.format('it')),
    # The advice is given once, and is about both kinds.
    ([IDENTICAL, ONCE], {2}, '1 of the 2 failed each time, in the same way. 1 of the 2 fails ' + MASTER.format('them')),
    ([IDENTICAL, ONCE], {1}, '1 of the 2 failed each time, in the same way. 1 of the 2 fails ' + MASTER.format('it')),
    ([IDENTICAL, IDENTICAL], {1}, 'All 2 failed each time, in the same way. 1 of the 2 fails ' + MASTER.format('them')),
    ([FLAKY, ONCE], {2}, '1 of the 2 passed in another attempt: it is flaky. 1 of the 2 fails ' + MASTER.format('it')),
    # A flaky test may also fail on master.
    ([FLAKY], {1}, 'This test passed in another attempt: it is flaky. This test fails ' + MASTER.format('it'))])
def test_no_kind_of_test_hides_another_in_a_hint(histories, same_in_master, hint):
    assert hint_of(histories, same_in_master) == hint


IT_HARDLY = HARDLY.format('it')
EXPECTED = 'the result that is expected now: running {} again will probably pass'


@pytest.mark.parametrize(('approved', 'same_in_master', 'hint'), [
    ({1, 2, 3, 4}, set(), f'All 4 have {EXPECTED.format("them")}.'),
    ({1, 2, 3}, set(), f'3 of the 4 have {EXPECTED.format("them")}.'),
    # Of the others it says what it says without them.
    ({4}, set(), f'1 of the 4 has {EXPECTED.format("it")}. 1 of the 4 passed in another attempt: it is flaky. '
                 f'1 of the 4 failed each time, in the same way{IT_HARDLY}'),
    ({1, 4}, {3}, f'2 of the 4 have {EXPECTED.format("them")}. 1 of the 4 passed in another attempt: it is flaky. '
                  '1 of the 4 fails ' + MASTER.format('it')),
    ({1, 2, 4}, {3}, f'3 of the 4 have {EXPECTED.format("them")}. 1 of the 4 fails ' + MASTER.format('it'))])
def test_a_hint_begins_with_what_was_approved_since_and_says_nothing_else_of_it(approved, same_in_master, hint):
    assert hint_of([IDENTICAL, FLAKY, ONCE, ONCE], same_in_master, approved) == hint


@pytest.mark.parametrize(('origins', 'sentence'), [
    ({}, ''),
    ({28: 1}, '1 of the 20 results is carried over from [28].'),
    ({28: 19}, '19 of the 20 results are carried over from [28].'),
    ({28: 18, 30: 1}, '19 of the 20 results are carried over from [28] (18) and [30] (1).'),
    ({28: 1, 30: 1, 31: 2}, '4 of the 20 results are carried over from [28] (1), [30] (1) and [31] (2).')])
def test_a_sentence_says_what_a_run_did_not_run_itself_and_where_that_was_run(origins, sentence):
    run = Attempt(run_id=33, retry=None, attempt=3, status='fail', tests=21, passed=18, failed=2, not_run=1,
                  carried_over_from=origins, to_carry_over=0, built_commit_sha=None, other_builds=[], cause=None)

    assert carried_over_sentence(run, '[{}]'.format) == sentence


@pytest.mark.parametrize(('builds', 'counts', 'sentence'), [
    ([ONE, TWO], {1: 3}, '3 of the results carried over were built from 1a2b3c4d.'),
    ([ONE, TWO], {1: 1}, '1 of the results carried over was built from 1a2b3c4d.'),
    ([ONE, TWO, 'c' * 40], {1: 2, 2: 1}, '2 of the results carried over were built from 1a2b3c4d and 1 from 5e6f7a8b.'),
    ([ONE, ONE[:12], 'c' * 40], {1: 2, 2: 1}, '3 of the results carried over were built from 1a2b3c4d.'),
    ([ONE, ONE[:9]], {1: 3}, ''), ([None, TWO], {1: 3}, ''), ([ONE, None], {1: 3}, '')])
def test_results_of_other_builds_are_counted_by_build(builds, counts, sentence):
    others = group_by_build(len(builds), counts, dict(enumerate(builds, 1)))

    assert other_builds_sentence(others) == sentence
