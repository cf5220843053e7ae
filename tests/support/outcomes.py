"""Regression tests that came out in every way, as rows of one run (docs/api.rst, "Outcomes")."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import seed
from database import db
from mod_customized.models import CustomizedTest
from mod_test.models import TestResult, TestResultFile
from support.changes import add_mark

from mod_runs_api import attempts_verdict
from mod_runs_api.domain.outcomes import Outcome

ACCEPTED = 'accepted'


@dataclass(frozen=True)
class Output:
    """An output of a regression test, which has an accepted variant, and the file that the run has of it."""

    #: The hash of a file that differs; None if it is as expected.
    got: str | None = None
    has_file: bool = True
    ignore: bool | None = False


@dataclass(frozen=True)
class Case:
    """A regression test, and how it came out in the run; None if the run does not show it."""

    outcome: Outcome | None
    exit_code: int | None = 0
    expected_rc: int | None = 0
    outputs: tuple[Output, ...] = (Output(),)
    has_result: bool = True
    #: How many rows of `customized_test` it has.
    selected: int = 1
    active: bool | None = True
    in_category: bool = True
    #: What a mark of the result points to, if there is one: the row that completed the run, or something else.
    mark: Literal['completed', 'gone', 'another time', 'another run'] | None = None

    @property
    def is_run_again(self):
        """Whether a failed-only retry runs it."""
        return bool(self.active) and self.outcome not in (None, 'pass')


def file(got):
    """Return one output with a file that differs."""
    return (Output(got),)


NO_FILE, IGNORED = Output(has_file=False), Output(has_file=False, ignore=True)

#: Each kind of row once; `tests/domain/test_outcomes.py` has the rule. With rows of `customized_test`.
SELECTED = {
    'all as expected': Case('pass'),
    'no outputs': Case('pass', outputs=()),
    'an accepted variant': Case('pass', outputs=file(ACCEPTED)),
    'no file of an ignored output': Case('pass', outputs=(Output(), IGNORED)),
    'another exit code': Case('fail', 1),
    'no exit code': Case('fail', None),
    'another output': Case('fail', outputs=file('wrong')),
    'another output that is ignored': Case('fail', outputs=(Output('wrong', ignore=True),)),
    # A collation takes this for the accepted variant.
    'a variant in upper case': Case('fail', outputs=file(ACCEPTED.upper())),
    'no file': Case('missing_output', outputs=(NO_FILE,)),
    'no file of one of two outputs': Case('missing_output', outputs=(Output(), NO_FILE)),
    'no file, and nobody knows whether it is ignored': Case(
        'missing_output', outputs=(Output(has_file=False, ignore=None),)),
    'no result': Case('not_run', outputs=(NO_FILE,), has_result=False),
    'no result, but a file': Case('not_run', has_result=False),
    'no result, inactive by now': Case('not_run', has_result=False, active=False),
    'no result, in no category': Case(None, has_result=False, in_category=False),
    'in no category': Case('pass', in_category=False),
    'selected three times': Case('fail', 1, selected=3),
    'not selected': Case('fail', 1, selected=0),
    'not selected, no result': Case(None, has_result=False, selected=0),
    'a result that was carried over': Case('pass', mark='completed'),
    'a mark of an end that is gone': Case('pass', mark='gone'),
    'a mark of an end at another time': Case('pass', mark='another time'),
    'a mark of the end of another run': Case('pass', mark='another run')}

#: Without rows.
NOT_SELECTED = {
    'active': Case('not_run', has_result=False, selected=0),
    'active, in no category': Case(None, has_result=False, selected=0, in_category=False),
    'inactive': Case(None, has_result=False, selected=0, active=False),
    'perhaps active': Case(None, has_result=False, selected=0, active=None),
    'inactive, with a result': Case('pass', selected=0, active=False),
    'inactive, failed': Case('fail', 1, selected=0, active=False)}


def add_run(cases):
    """Add a run in which regression tests came out in these ways, commit, and return it with the name of each test."""
    other, run = (seed.run(stages=seed.COMPLETED) for _ in range(2))
    names: dict[int, str] = {}
    for name, case in cases.items():
        test = seed.regression_test(outputs=0, expected_rc=99)
        test.active = case.active
        if not case.in_category:
            test.categories = []
        names[test.id] = name
        db.session.add_all([CustomizedTest(test_id=run.id, regression_id=test.id) for _ in range(case.selected)])
        if case.has_result:
            seed.add(TestResult(test_id=run.id, regression_test_id=test.id, runtime=1, exit_code=case.exit_code,
                                expected_rc=case.expected_rc))
        for output in case.outputs:
            added = seed.output(test, ignore=output.ignore)
            seed.variant(added, ACCEPTED)
            if output.has_file:
                seed.add(TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=added.id,
                                        expected=added.correct, got=output.got))
        if case.mark is not None:
            end = (other if case.mark == 'another run' else run).progress[-1]
            add_mark(run.id, test.id, other.id, end.id + 99 * (case.mark == 'gone'),
                     end.timestamp + timedelta(seconds=case.mark == 'another time'))
    # An output of another test has the variants that no test above has.
    seed.variant(seed.output(seed.regression_test(active=False)), 'wrong')
    db.session.commit()
    return run.id, names


def assert_shown(cases):
    """Check that the verdict of a run shows the outcomes of these cases."""
    run_id, names = add_run(cases)

    # There may be other tests that are active.
    shown = {names[test.regression_test_id]: test.attempts[0].outcome for test in attempts_verdict(run_id).tests
             if test.regression_test_id in names}

    # On a server the id of the row is enough for a mark.
    marks = ('completed',) if db.engine.dialect.name == 'sqlite' else ('completed', 'another time')
    assert shown == {name: 'carried_over' if case.mark in marks else case.outcome
                     for name, case in cases.items() if case.outcome is not None}
