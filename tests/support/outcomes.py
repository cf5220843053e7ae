"""Regression tests that came out in every way, as rows of one run (docs/verdicts.rst, "Outcomes")."""

from dataclasses import replace

import seed
from database import db
from support.changes import add_mark
from support.executions import (ABSENT, ACCEPTED, CARRIED_OVER, FAIL, MISSING, NO_CODE, NO_FILE, NOT_RUN, PASS, RIGHT,
                                WRONG, Execution, Output)
from support.histories import add_attempts, judge_in_process

#: Each kind of row once; `tests/domain/test_outcomes.py` has the rule. With rows of `customized_test`.
SELECTED = {
    'all as expected': PASS,
    'no outputs': Execution('pass', outputs=()),
    'an accepted variant': Execution('pass', outputs=(Output(ACCEPTED),)),
    'no file of an ignored output': Execution('pass', outputs=(RIGHT, Output(None, ignore=True))),
    'another exit code': Execution('fail', 1),
    'no exit code': NO_CODE,
    'another output': FAIL,
    'another output that is ignored': Execution('fail', outputs=(Output('wrong', ignore=True),)),
    # A collation takes this for the accepted variant.
    'a variant in upper case': Execution('fail', outputs=(Output(ACCEPTED.upper()),)),
    'no file': NO_FILE,
    'no file of one of two outputs': Execution('missing_output', outputs=(RIGHT, MISSING)),
    'no file, and nobody knows whether it is ignored': Execution(
        'missing_output', outputs=(Output(None, ignore=None),)),
    'no result': NOT_RUN,
    'no result, but a file': replace(NOT_RUN, outputs=(RIGHT,)),
    'no result, inactive by now': replace(NOT_RUN, active=False),
    'no result, in no category': replace(NOT_RUN, outcome=None, in_category=False),
    'in no category': Execution('pass', in_category=False),
    'selected three times': Execution('fail', 1, selected=3),
    'not selected': Execution('fail', 1, selected=0),
    'not selected, no result': ABSENT,
    'a pass that was carried over': replace(PASS, outcome='carried_over'),
    'a failure that was carried over': CARRIED_OVER}

#: Without rows.
NOT_SELECTED = {
    'active': replace(NOT_RUN, selected=0),
    'active, in no category': replace(ABSENT, in_category=False),
    'inactive': replace(ABSENT, active=False),
    'perhaps active': replace(ABSENT, active=None),
    'inactive, with a result': Execution('pass', selected=0, active=False),
    'inactive, failed': Execution('fail', 1, selected=0, active=False)}


def add_run(executions):
    """Add a run with a test for each of these executions, whose name is the command of the test, and return it."""
    run_id, = add_attempts(*([execution] for execution in executions.values()), commands=list(executions))
    # An output of another test accepts a file that is wrong for all of them.
    seed.variant(seed.output(seed.regression_test(active=False)), WRONG.produced)
    db.session.commit()
    return run_id


def assert_shown(executions):
    """Check that the verdict of a run shows the outcomes of these executions."""
    run_id = add_run(executions)

    # There may be other tests that are active.
    shown = {test.command: test.attempts[0].outcome for test in judge_in_process(run_id).tests
             if test.command in executions}

    assert shown == {name: execution.outcome for name, execution in executions.items() if execution.outcome}


def assert_marks_count():
    """Check that the mark of a result counts while the row that completed the run is there."""
    tests = seed.regression_tests(3)
    other, run = (seed.run(tests, stages=seed.COMPLETED, passed=3) for _ in range(2))
    end, end_of_other = run.progress[-1], other.progress[-1]
    # There is no progress row with the last id.
    for test, progress_id in zip(tests, (end.id, end_of_other.id, end.id + 99), strict=True):
        add_mark(run.id, test.id, other.id, progress_id)
    db.session.commit()

    assert [test.attempts[0].outcome for test in judge_in_process(run.id).tests] == ['carried_over', 'pass', 'pass']
