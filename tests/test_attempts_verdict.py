"""What the attempts in a database prove (contract section 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import seed
from database import Base, db
from hypothesis import HealthCheck, given, settings
from mod_customized.models import CustomizedTest
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestProgress, TestStatus
from outcome import Outcome, passing
from sqlalchemy import Engine, create_engine, delete
from sqlalchemy.orm import Session
from support.generated_histories import (RETRY_IDS, ROOT_ID, WORLDS, World,
                                         plain, reading, write)
from support.statements import Statement

from mod_runs_api import RunNotFound
from mod_runs_api.host.models import find_models
from mod_runs_api.retry import RetryRequest, create_retry
from mod_runs_api.tables import create_tables
from mod_runs_api.verdict import TestVerdict, Verdict, read_verdict

pytestmark = pytest.mark.usefixtures('app')

TABLES = create_tables(find_models(None, {}))


def verdict_on(run: Test | int) -> Verdict:
    """Ask what the attempts of a run prove."""
    db.session.commit()
    with db.engine.connect() as connection:
        return read_verdict(connection, TABLES, run if isinstance(run, int) else run.id)


def only_test(run: Test) -> TestVerdict:
    """Ask about the only test that the attempts of a run have."""
    test, = verdict_on(run).tests
    return test


def retry(run: Test, *stages: TestStatus, failed_only: bool = False) -> Test:
    """Retry a run, and bring the retry to a stage."""
    db.session.commit()
    with db.engine.begin() as connection:
        made = create_retry(connection, TABLES, RetryRequest(run.id, failed_only=failed_only))
    new = db.session.get_one(Test, made.new_run_id)
    seed.progress(new, *stages)
    return new


def carry_over(run: Test, test: RegressionTest, source: Test) -> None:
    """Carry the result of a test over into a retry that has ended, with the outcome that it has there."""
    db.session.add(CustomizedTest(test_id=run.id, regression_id=test.id))
    seed.result(run, test)
    end = run.progress[-1]
    db.session.execute(TABLES.carried_over.insert().values(
        test_id=run.id, regression_test_id=test.id, source_test_id=source.id, progress_id=end.id,
        progress_timestamp=end.timestamp))


@pytest.fixture
def test() -> RegressionTest:
    """Return a test with one output."""
    return seed.regression_test()


@pytest.fixture
def run(test: RegressionTest) -> Test:
    """Return a completed run of the test, without results."""
    return seed.run([test], stages=seed.COMPLETED)


@pytest.mark.parametrize(('files', 'verdict'), [
    ([('a', None), ('b', None)], 'failing_differently'), ([('a', None), ('a', None)], 'failing_identically'),
    ([('a', 'x'), ('x', None)], 'failing_identically'), ([('a', 'x'), ('x', 'a')], 'failing_differently')])
def test_what_came_out_is_what_was_expected_if_nothing_else_did(
        run: Test, test: RegressionTest, files: list[tuple[str, str | None]], verdict: str) -> None:
    output, = test.output_files
    for attempt, (expected, got) in zip((run, retry(run, *seed.COMPLETED)), files):
        output.correct = expected
        seed.result(attempt, test, passing(test).exits(1).makes(output, got))

    assert [found.verdict for found in verdict_on(run).tests] == [verdict]


def test_a_missing_output_takes_precedence_over_a_different_one(run: Test) -> None:
    test = seed.regression_test(outputs=2)
    first, second = test.output_files
    seed.result(run, test, passing(test).makes(first, 'different').lacks(second))

    outcomes = {found.regression_test_id: found.latest for found in verdict_on(run).tests}
    assert outcomes[test.id] == 'missing_output'


def test_an_unknown_run_is_not_found() -> None:
    with pytest.raises(RunNotFound):
        verdict_on(9317)


def test_a_run_that_was_never_retried_is_its_only_attempt(run: Test, test: RegressionTest) -> None:
    seed.result(run, test)

    verdict = verdict_on(run)

    assert (verdict.run_id, verdict.root_run_id, verdict.attempts, verdict.overall) == (
        run.id, run.id, [run.id], 'pass')
    assert [(one.regression_test_id, one.verdict, one.latest) for one in verdict.tests] == [(test.id, 'passed', 'pass')]


def test_all_attempts_prove_the_same_whichever_is_asked_about(run: Test, test: RegressionTest) -> None:
    seed.result(run, test, passing(test).exits(1))
    second = retry(run, *seed.COMPLETED)
    seed.run([test], stages=seed.COMPLETED)
    third = retry(second, *seed.COMPLETED)
    seed.result(third, test)

    verdicts = [verdict_on(attempt) for attempt in (run, second, third)]

    assert [verdict.run_id for verdict in verdicts] == [run.id, second.id, third.id]
    for verdict in verdicts:
        assert (verdict.root_run_id, verdict.attempts, verdict.overall) == (
            run.id, [run.id, second.id, third.id], 'unstable')
        assert [[(one.run_id, one.attempt, one.outcome) for one in found.attempts] for found in verdict.tests] == [
            [(run.id, 1, 'fail'), (second.id, 2, 'not_run'), (third.id, 3, 'pass')]]


def test_the_first_attempt_may_be_gone(run: Test, test: RegressionTest) -> None:
    second = retry(run, *seed.COMPLETED)
    seed.result(second, test)
    root_id = run.id
    db.session.commit()
    for table in ('customized_test', 'test_progress'):
        columns = Base.metadata.tables[table]
        db.session.execute(columns.delete().where(columns.c.test_id == root_id))
    db.session.execute(Base.metadata.tables['test'].delete().where(Base.metadata.tables['test'].c.id == root_id))

    verdict = verdict_on(second)

    assert (verdict.root_run_id, verdict.attempts, verdict.overall) == (root_id, [second.id], 'pass')
    assert verdict.tests[0].attempts[0].attempt == 1


Change = Callable[[RegressionTest, Outcome], Outcome]


@pytest.mark.parametrize('change, outcome', [
    (lambda test, outcome: outcome, 'pass'),
    (lambda test, outcome: outcome.exits(139), 'fail'),
    (lambda test, outcome: outcome.exits(None), 'fail'),
    (lambda test, outcome: outcome.makes(test.output_files[0], 'something else'), 'fail'),
    (lambda test, outcome: outcome.lacks(test.output_files[0]), 'missing_output'),
    (lambda test, outcome: outcome.lacks(test.output_files[0]).exits(139), 'missing_output'),
])
def test_an_outcome_is_what_the_platform_says(run: Test, test: RegressionTest, change: Change, outcome: str) -> None:
    seed.result(run, test, change(test, passing(test)))

    assert only_test(run).latest == outcome


def test_an_accepted_variant_of_an_output_passes(run: Test, test: RegressionTest) -> None:
    variant = seed.variant(test.output_files[0])
    seed.result(run, test, passing(test).makes(test.output_files[0], variant))

    assert only_test(run).verdict == 'passed'


def test_the_same_output_every_time_is_told_from_another_every_time(run: Test, test: RegressionTest) -> None:
    broken, unstable = test, seed.regression_test()
    db.session.add(CustomizedTest(test_id=run.id, regression_id=unstable.id))
    second = retry(run, *seed.COMPLETED)
    for attempt in (run, second):
        seed.result(attempt, broken, passing(broken).makes(broken.output_files[0], 'the same'))
        seed.result(attempt, unstable, passing(unstable).makes(unstable.output_files[0], seed.digest()))

    assert [found.verdict for found in verdict_on(run).tests] == ['failing_identically', 'failing_differently']


def test_a_new_expectation_between_two_attempts_is_no_flaky_test(run: Test, test: RegressionTest) -> None:
    output = test.output_files[0]
    seed.result(run, test, passing(test).makes(output, 'new'))
    second = retry(run, *seed.COMPLETED)
    output.correct = 'new'
    seed.result(second, test)

    assert only_test(run).verdict == 'expectation_changed'


def test_what_other_runs_made_of_the_test_counts_for_nothing(run: Test, test: RegressionTest) -> None:
    output = test.output_files[0]
    stranger = seed.run([test], stages=seed.COMPLETED)
    output.correct = 'old'
    seed.result(stranger, test)
    output.correct = 'right'
    seed.result(run, test, passing(test).exits(1))
    seed.result(retry(run, *seed.COMPLETED), test)

    assert only_test(run).verdict == 'flaky'


def test_what_was_carried_over_is_shown_and_proves_nothing(run: Test, test: RegressionTest) -> None:
    failed = seed.regression_test()
    db.session.add(CustomizedTest(test_id=run.id, regression_id=failed.id))
    seed.result(run, test, passing(test).exits(1))
    seed.result(run, failed, passing(failed).exits(1))
    second = retry(run, *seed.COMPLETED)
    db.session.execute(delete(CustomizedTest).where(CustomizedTest.test_id == second.id,
                                                    CustomizedTest.regression_id == test.id))
    seed.result(second, failed)
    carry_over(second, test, run)

    carried, ran = verdict_on(run).tests

    assert [(one.run_id, one.outcome) for one in carried.attempts] == [(run.id, 'fail'), (second.id, 'carried_over')]
    assert (carried.verdict, carried.latest) == ('failed_once', 'fail')
    assert (ran.verdict, ran.latest) == ('flaky', 'pass')


def test_a_mark_says_nothing_once_the_retry_was_restarted(run: Test, test: RegressionTest) -> None:
    seed.result(run, test, passing(test).exits(1))
    second = retry(run, *seed.COMPLETED)
    carry_over(second, test, run)
    db.session.execute(delete(TestProgress).where(TestProgress.test_id == second.id))
    db.session.add(TestProgress(second.id, TestStatus.completed, '', datetime(2030, 1, 1)))

    assert only_test(run).verdict == 'flaky'


@pytest.mark.parametrize('stages', [(), (TestStatus.preparation,), (TestStatus.preparation, TestStatus.testing)])
def test_an_attempt_that_has_not_ended_proves_nothing_yet(
        run: Test, test: RegressionTest, stages: tuple[TestStatus, ...]) -> None:
    seed.result(run, test, passing(test).exits(1))
    second = retry(run, *stages)
    seed.result(second, test)

    verdict = verdict_on(run)

    assert (verdict.overall, verdict.attempts) == ('pending', [run.id, second.id])
    assert (verdict.tests[0].verdict, len(verdict.tests[0].attempts)) == ('failed_once', 1)


def test_a_test_that_only_an_unfinished_attempt_runs_is_listed(run: Test, test: RegressionTest) -> None:
    seed.result(run, test)
    second = retry(run)
    another = seed.regression_test()
    db.session.add(CustomizedTest(test_id=second.id, regression_id=another.id))

    listed = verdict_on(run).tests[1]

    assert (listed.regression_test_id, listed.verdict, listed.latest, listed.attempts) == (
        another.id, 'never_ran', None, ())


def test_a_run_without_rows_was_told_to_run_what_is_active_now(test: RegressionTest) -> None:
    ran, inactive = seed.regression_test(active=False), seed.regression_test(active=False)
    run = seed.run(stages=seed.CANCELED)
    seed.result(run, ran)

    tests = verdict_on(run).tests

    assert [(found.regression_test_id, found.active, found.verdict) for found in tests] == [
        (test.id, True, 'never_ran'), (ran.id, False, 'passed')]
    assert inactive.id not in [found.regression_test_id for found in tests]


@pytest.mark.parametrize('has_rows', [True, False])
def test_a_test_in_no_category_is_no_part_of_a_run_without_a_result(test: RegressionTest, has_rows: bool) -> None:
    alone = seed.regression_test()
    alone.categories = []
    first = seed.run([test, alone] if has_rows else None, stages=seed.COMPLETED)
    seed.result(first, test)

    assert [found.regression_test_id for found in verdict_on(first).tests] == [test.id]

    seed.result(first, alone)

    assert [found.regression_test_id for found in verdict_on(first).tests] == [test.id, alone.id]


def test_a_file_without_a_result_is_no_outcome(run: Test, test: RegressionTest) -> None:
    db.session.execute(Base.metadata.tables['test_result_file'].insert().values(
        test_id=run.id, regression_test_id=test.id, regression_test_output_id=test.output_files[0].id,
        expected='right', got='wrong'))

    assert (only_test(run).verdict, only_test(run).attempts[0].outcome) == ('never_ran', 'not_run')


def attempts_of(tests: int, attempts: int, failed: int) -> int:
    """Make attempts of so many tests, and return the first."""
    root_id, *retries = seed.bulk_runs(attempts, tests, failed)
    if retries:
        db.session.execute(TABLES.run_retry.insert(), [
            {'test_id': run_id, 'source_run_id': root_id, 'root_run_id': root_id, 'failed_only': False,
             'created_at': datetime(2026, 11, 24), 'test_count': tests} for run_id in retries])
    db.session.commit()
    return root_id


@pytest.mark.parametrize('tests, attempts, failed, expected', [
    (2, 1, 1, 4), (300, 1, 30, 4), (300, 10, 0, 4),
    (2, 2, 1, 5), (300, 10, 30, 5), (300, 10, 300, 5), (20, 400, 20, 5),
])
def test_the_number_of_statements_and_of_parameters_is_the_same_at_every_size(
        statements: list[Statement], tests: int, attempts: int, failed: int, expected: int) -> None:
    root_id = attempts_of(tests, attempts, failed)
    statements.clear()

    verdict = verdict_on(root_id)

    assert (len(verdict.tests), len(verdict.attempts)) == (tests, attempts)
    assert len(statements) == expected
    assert max(len(sent.parameters) for sent in statements) < 20


@pytest.fixture(scope='module')
def empty_database() -> Iterator[Engine]:
    """Return an empty database of the platform's tables, without the platform."""
    engine = create_engine('sqlite://')
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@given(world=WORLDS)
@settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_verdict_is_what_the_contract_says(empty_database: Engine, world: World) -> None:
    with Session(empty_database) as session:
        write(session, world)

    with empty_database.connect() as connection:
        for run_id in (ROOT_ID, RETRY_IDS[-1]):
            verdict = read_verdict(connection, TABLES, run_id)
            assert (verdict.run_id, verdict.root_run_id) == (run_id, ROOT_ID)
            assert plain(verdict) == reading(world)
