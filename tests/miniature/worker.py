"""
A stand-in for the job that starts queued runs, and for the machines that work on them.

What the platform's job asks of GitHub is left out: there, a run of a pull request that is not open any more is canceled
before it starts, and so is one whose build can no longer be downloaded.
"""

from datetime import datetime
from typing import Callable

from database import DbSession
from mod_ci.models import GcpInstance, MaintenanceMode
from mod_regression.models import RegressionTest
from mod_test.models import (FINISHED, Test, TestPlatform, TestProgress,
                             TestStatus)
from outcome import Outcome, passing, record
from sqlalchemy import select


def everything_passes(run: Test, test: RegressionTest) -> Outcome:
    """Decide that a regression test comes out as expected."""
    return passing(test)


def pending(session: DbSession, platform: TestPlatform) -> list[Test]:
    """
    Return the runs that a job of this platform would start now.

    Parameters
    ----------
    session : DbSession
        The session to read with.
    platform : TestPlatform
        The platform of the job.

    Returns
    -------
    list of Test
        In the order of their ids.
    """
    if session.scalars(select(MaintenanceMode.disabled).where(MaintenanceMode.platform == platform)).first():
        return []
    finished = select(TestProgress.test_id).where(TestProgress.status.in_(FINISHED))
    taken = select(GcpInstance.test_id)
    unfinished = session.scalars(
        select(Test).where(Test.platform == platform, Test.id.not_in(finished), Test.id.not_in(taken))
        .order_by(Test.id))
    return [run for run in unfinished if not _has_begun(session, run)]


def work_once(session: DbSession, platform: TestPlatform,
              outcome: Callable[[Test, RegressionTest], Outcome] = everything_passes) -> list[int]:
    """
    Start every pending run and see it through.

    Each stage is committed by itself, as the reports of a real machine are.

    Parameters
    ----------
    session : DbSession
        The session to work with.
    platform : TestPlatform
        The platform of the job.
    outcome : callable
        Called with the run and each of its regression tests; says how the test comes out.

    Returns
    -------
    list of int
        The ids of the runs that were worked on, in that order.
    """
    runs = pending(session, platform)
    for run in runs:
        _work(session, run, outcome)
    return [run.id for run in runs]


def _has_begun(session: DbSession, run: Test) -> bool:
    # A machine's first report is a progress row, and the job takes any such row for a sign that the run was started
    # before: it logs that and passes over the run, so as not to start it twice. The row's status does not matter. So a
    # run that was given a row when it was made would stay queued for good.
    return session.scalars(select(TestProgress.id).where(TestProgress.test_id == run.id)).first() is not None


def _work(session: DbSession, run: Test, outcome: Callable[[Test, RegressionTest], Outcome]) -> None:
    machine = GcpInstance(f'{run.platform.value}-{run.id}', run.id)
    session.add(machine)
    session.commit()

    _report(session, run, TestStatus.preparation, 'Preparing the machine')
    machine.timestamp_prep_finished = datetime.now()
    _report(session, run, TestStatus.testing, 'Running the tests')
    selected = set(run.get_customized_regressiontests())
    for test in session.scalars(select(RegressionTest).order_by(RegressionTest.id)):
        if test.id in selected:
            record(session, run, test, outcome(run, test))
    session.commit()
    _report(session, run, TestStatus.completed, 'All tests have run')

    session.delete(machine)
    session.commit()


def _report(session: DbSession, run: Test, status: TestStatus, message: str) -> None:
    session.add(TestProgress(run.id, status, message))
    session.commit()
