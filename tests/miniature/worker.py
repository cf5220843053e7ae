"""
Stand-ins for the job that starts queued runs, and for the machines that work on them.

What GitHub is asked is left out: on the platform a run of a pull request that is not open any more is canceled before
it starts, and so is one whose build can no longer be downloaded.
"""

from datetime import datetime, timedelta

from mod_ci.models import GcpInstance
from mod_regression.models import RegressionTest
from mod_test.models import Test, TestProgress, TestStatus
from results import record
from sqlalchemy import delete, select


def work_once(session, platform, crashing=()):
    """
    Start every queued run of a platform, see it through, and return the runs. Some regression tests crash.

    Each stage is committed by itself, as the reports of a real machine are.
    """
    # To the platform's job, any progress row is a sign that the run was started before, and it passes over the run. So
    # a run that was given a row when it was made would stay queued for good.
    queued = session.scalars(
        select(Test).where(Test.platform == platform, ~Test.progress.any()).order_by(Test.id)).all()
    for run in queued:
        _report(session, run, TestStatus.preparation, 'Preparing the machine')
        _report(session, run, TestStatus.testing, 'Running the tests')
        selected = set(run.get_customized_regressiontests())
        for test in session.scalars(select(RegressionTest).order_by(RegressionTest.id)):
            if test.id in selected:
                record(session, run, test, **({'exit_code': 139} if test.id in crashing else {}))
        session.commit()
        _report(session, run, TestStatus.completed, 'All tests have run')
    return [run.id for run in queued]


def end_lost_runs(session):
    """
    End the runs whose machine is gone, and return them, as the platform's job does with the mail about lost machines.

    Here no cloud lists a machine, so each one that was started more than fifteen minutes ago is gone.
    """
    started_before = datetime.now() - timedelta(minutes=15)
    has_end = Test.progress.any(TestProgress.status.in_([TestStatus.completed, TestStatus.canceled]))
    lost = session.scalars(select(Test).join(GcpInstance, GcpInstance.test_id == Test.id)
                           .where(GcpInstance.timestamp < started_before, ~has_end).order_by(Test.id)).all()
    for run in lost:
        # The row goes with the machine: the platform's job starts no run that has one.
        session.execute(delete(GcpInstance).where(GcpInstance.test_id == run.id))
        _report(session, run, TestStatus.canceled, 'The machine of this run has vanished.')
    return [run.id for run in lost]


def _report(session, run, status, message):
    session.add(TestProgress(run.id, status, message))
    session.commit()
