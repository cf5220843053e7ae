"""Runs, their progress and their results."""

import secrets
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Optional

from database import Base, DeclEnum
from mod_regression.models import RegressionTest, RegressionTestOutput
from sqlalchemy import DateTime, ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column, object_session, reconstructor, relationship

if TYPE_CHECKING:
    from mod_customized.models import CustomizedTest


class TestPlatform(DeclEnum):
    """What a run runs on."""

    linux = 'linux', 'Linux'
    windows = 'windows', 'Windows'


class TestType(DeclEnum):
    """What a run is for."""

    commit = 'commit', 'Commit'
    pull_request = 'pr', 'Pull Request'


class TestStatus(DeclEnum):
    """The stages of a run."""

    preparation = 'preparation', 'Preparation'
    testing = 'testing', 'Testing'
    completed = 'completed', 'Completed'
    canceled = 'canceled', 'Canceled/Error'


class Fork(Base):
    """A repository on GitHub."""

    __tablename__ = 'fork'

    id: Mapped[int] = mapped_column(primary_key=True)
    github: Mapped[Optional[str]] = mapped_column(String(256), unique=True)


class Test(Base):
    """One run of regression tests."""

    __tablename__ = 'test'
    __table_args__ = {'sqlite_autoincrement': True}

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[TestPlatform] = mapped_column(TestPlatform.db_type())
    test_type: Mapped[TestType] = mapped_column(TestType.db_type())
    token: Mapped[Optional[str]] = mapped_column(String(64), unique=True)
    fork_id: Mapped[Optional[int]] = mapped_column(ForeignKey('fork.id'))
    branch: Mapped[str] = mapped_column(Text)
    commit: Mapped[str] = mapped_column(String(64))
    pr_nr: Mapped[int] = mapped_column(default=0)
    #: The commit that was built, which the worker reports; older versions of the platform do not know it.
    built_commit: Mapped[Optional[str]] = mapped_column(String(64))

    fork: Mapped[Optional[Fork]] = relationship()
    customized_tests: Mapped[list['CustomizedTest']] = relationship()
    progress: Mapped[list['TestProgress']] = relationship(order_by='TestProgress.id')
    results: Mapped[list['TestResult']] = relationship()

    def __init__(self, platform: TestPlatform, test_type: TestType, fork_id: Optional[int], branch: str, commit: str,
                 pr_nr: int = 0) -> None:
        # The column itself has no default: who inserts a row past this constructor has to bring a token.
        super().__init__(platform=platform, test_type=test_type, fork_id=fork_id, branch=branch, commit=commit,
                         pr_nr=pr_nr, token=secrets.token_hex(32))

    def get_customized_regressiontests(self) -> list[int]:
        """Return the ids of the regression tests this run runs: all there are, if it selects none."""
        if self.customized_tests:
            return [row.regression_id for row in self.customized_tests if row.regression_id is not None]
        session = object_session(self)
        return [] if session is None else list(session.scalars(select(RegressionTest.id)))


class TestProgress(Base):
    """A stage a run has reached. Rows are only ever added."""

    __tablename__ = 'test_progress'
    __table_args__ = {'sqlite_autoincrement': True}

    id: Mapped[int] = mapped_column(primary_key=True)
    # Servers make this index for the foreign key, SQLite does not.
    test_id: Mapped[Optional[int]] = mapped_column(ForeignKey('test.id', ondelete='CASCADE'), index=True)
    status: Mapped[TestStatus] = mapped_column(TestStatus.db_type())
    timestamp: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    message: Mapped[str] = mapped_column(Text)

    def __init__(self, test_id: int, status: TestStatus, message: str, timestamp: Optional[datetime] = None) -> None:
        super().__init__(test_id=test_id, status=status, message=message,
                         timestamp=timestamp or datetime.now(timezone.utc))

    @reconstructor
    def read_as_utc(self) -> None:
        """Return a time with the time zone, which neither SQLite nor MariaDB stores."""
        self.timestamp = self.timestamp.replace(tzinfo=timezone.utc)


class TestResult(Base):
    """How one regression test ended in one run."""

    __tablename__ = 'test_result'

    test_id: Mapped[int] = mapped_column(ForeignKey('test.id', ondelete='CASCADE'), primary_key=True)
    regression_test_id: Mapped[int] = mapped_column(
        ForeignKey('regression_test.id', ondelete='CASCADE'), primary_key=True)
    runtime: Mapped[Optional[int]]
    exit_code: Mapped[Optional[int]]
    expected_rc: Mapped[Optional[int]]


class TestResultFile(Base):
    """What came out for one expected output of one regression test in one run."""

    __tablename__ = 'test_result_file'

    test_id: Mapped[int] = mapped_column(ForeignKey('test.id', ondelete='CASCADE'), primary_key=True)
    regression_test_id: Mapped[int] = mapped_column(
        ForeignKey('regression_test.id', ondelete='CASCADE'), primary_key=True)
    regression_test_output_id: Mapped[int] = mapped_column(
        ForeignKey('regression_test_output.id', ondelete='CASCADE'), primary_key=True)
    expected: Mapped[str] = mapped_column(Text)
    got: Mapped[Optional[str]] = mapped_column(Text)

    regression_test_output: Mapped[RegressionTestOutput] = relationship()
