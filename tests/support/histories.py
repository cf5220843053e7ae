"""Attempts of a run, in which regression tests did one thing or another."""

import seed
from database import db
from flask import g
from mod_test.models import Test, TestProgress, TestResult, TestResultFile, TestStatus
from support.changes import add_mark, add_retries
from support.executions import ACCEPTED
from support.statements import before_statements, fail

from mod_runs_api import retry_run
from mod_runs_api.extension import extension_state
from mod_runs_api.service.verdict import read_verdict


def retry_in_process(run_id, **request):
    """Retry a run, and return the new one."""
    g.db = db.session
    db.session.commit()
    return retry_run(run_id, **request).new_run_id


def judge_in_process(run_id):
    """Return the verdicts of the attempts of a run."""
    return extension_state().transactions.run(read_verdict, run_id)


def report(run_id, tests, failed=()):
    """Add the results of some tests to a run, as its worker would report them."""
    run = db.session.get_one(Test, run_id)
    wrong = [test.id for test in failed]
    for test in tests:
        seed.result(run, test, **({'exit_code': 139} if test.id in wrong else {}))
    db.session.commit()


def end(run_id, status=TestStatus.completed):
    """End a run as the platform does, or bring it to another stage."""
    g.db = db.session
    db.session.add(TestProgress(run_id, status, ''))
    db.session.commit()


def end_only(run_id):
    """End a run while the package fails to carry results over into it."""
    with before_statements(db.engine, 'INSERT INTO test_result ', fail):
        end(run_id)


def finish(run_id, tests, failed=()):
    """Report the results of a run, end it, and return it."""
    report(run_id, tests, failed)
    end(run_id)
    return run_id


def add_attempts(*histories, commands=None):
    """
    Add completed attempts, and return their runs.

    Each history is that of a new regression test: its executions, the first of them in the root run.
    """
    commands = commands or ['-out=srt -latin1'] * len(histories)
    tests = [_add_test(command, history[0]) for command, history in zip(commands, histories, strict=True)]
    attempts = [(_add_attempt(tests, executions), executions) for executions in zip(*histories, strict=True)]
    root = attempts[0][0]
    for run, executions in attempts:
        for test, execution in zip(tests, executions):
            if execution.outcome == 'carried_over':
                add_mark(run.id, test.id, root.id, run.progress[-1].id)
    add_retries(root.id, [run.id for run, _ in attempts[1:]])
    return [run.id for run, _ in attempts]


def _add_test(command, execution):
    # The code that is expected by now decides about no result.
    test = seed.regression_test(command, outputs=0, expected_rc=99)
    # An INSERT would have the default in the place of None.
    test.active = execution.active
    if not execution.in_category:
        test.categories = []
    for output in execution.outputs:
        seed.variant(seed.output(test, ignore=output.ignore), ACCEPTED)
    return test


def _add_attempt(tests, executions):
    run = seed.run([test for test, execution in zip(tests, executions) for _ in range(execution.selected)],
                   stages=seed.COMPLETED)
    for test, execution in zip(tests, executions):
        if execution.has_result:
            seed.add(TestResult(test_id=run.id, regression_test_id=test.id, runtime=1, exit_code=execution.exit_code,
                                expected_rc=execution.expected_rc))
        for row, output in zip(test.output_files, execution.outputs, strict=True):
            if output.produced is not None:
                seed.add(TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=row.id,
                                        expected=output.expected, got=output.got))
    return run
