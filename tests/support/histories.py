"""Attempts of a run, in which regression tests come out in one way or another."""

from dataclasses import dataclass, replace

import seed
from database import db
from flask import g
from mod_customized.models import CustomizedTest
from mod_test.models import Test, TestProgress, TestStatus
from outcome import Outcome, passing
from support.changes import add_mark, add_retries

from mod_runs_api import retry_run

#: What the platform writes when a run takes too long, when GitHub shows no build yet, and when a worker gives up.
TIME_LIMIT = 'Could not complete test, time limit exceeded'
NOT_VISIBLE = 'Build succeeded but artifact not yet available - please retry'
OUT_OF_ORDER = 'Duplicate Entries'
#: What the sweep writes.
LOST_MACHINE = 'The machine of this run has vanished.'


def retry_in_process(run_id, **request):
    """Retry a run, and return the new one."""
    g.db = db.session
    db.session.commit()
    return retry_run(run_id, **request).new_run_id


def report(run_id, tests, failed=()):
    """Add the results of some tests to a run, as its worker would report them."""
    run = db.session.get_one(Test, run_id)
    wrong = [test.id for test in failed]
    for test in tests:
        seed.result(run, test, passing(test).exits(139) if test.id in wrong else None)
    db.session.commit()


def end(run_id, status=TestStatus.completed):
    """End a run as the platform does, or bring it to another stage."""
    g.db = db.session
    db.session.add(TestProgress(run_id, status, ''))
    db.session.commit()


def finish(run_id, tests, failed=()):
    """Report the results of a run, end it, and return it."""
    report(run_id, tests, failed)
    end(run_id)
    return run_id


@dataclass(frozen=True)
class Came:
    """How a regression test with one output came out in an attempt."""

    code: int | None = 0
    expected_code: int | None = 0
    #: The hash of the output that was expected.
    expected: str = 'right'
    #: The hash of what came out; None if it was expected, and '-' if there was no file.
    got: str | None = None
    is_carried_over: bool = False


PASS = Came()
FAIL, OTHER, NO_FILE = Came(got='wrong'), Came(got='also wrong'), Came(got='-')
CRASH, NO_CODE = Came(code=139), Came(code=None)
#: It was selected, and there is no result.
NOT_RUN = None


def carried(came):
    """Return the same, carried over from another attempt."""
    return replace(came, is_carried_over=True)


def add_attempts(*tests):
    """
    Add completed attempts, and return their runs.

    Each argument is a regression test: how it came out in the attempts, from the first one on, NOT_RUN where there is
    no result, and '' where it was not selected.
    """
    added = [seed.regression_test() for _ in tests]
    attempts = [seed.run(stages=seed.COMPLETED) for _ in range(max(map(len, tests)))]
    for test, history in zip(added, tests):
        for attempt, came in zip(attempts, history):
            if came != '':
                db.session.add(CustomizedTest(test_id=attempt.id, regression_id=test.id))
            if isinstance(came, Came):
                output, = test.output_files
                test.expected_rc, output.correct = came.expected_code, came.expected
                seed.result(attempt, test, Outcome(came.code, {} if came.got == '-' else {output.id: came.got}))
                if came.is_carried_over:
                    end = attempt.progress[-1]
                    add_mark(attempt.id, test.id, attempts[0].id, end.id, end.timestamp)
    first, *retries = [attempt.id for attempt in attempts]
    add_retries(first, retries)
    return [first, *retries]
