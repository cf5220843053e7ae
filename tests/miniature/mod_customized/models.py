"""Who owns a run, and which regression tests it runs."""

from typing import Optional

from database import Base
from mod_auth.models import User
from mod_regression.models import RegressionTest
from mod_test.models import Test
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship


class TestFork(Base):
    """An owner of a run."""

    __test__ = False
    __tablename__ = 'test_fork'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[Optional[int]] = mapped_column(ForeignKey(User.id, onupdate='CASCADE', ondelete='RESTRICT'))
    test_id: Mapped[Optional[int]] = mapped_column(ForeignKey(Test.id, onupdate='CASCADE', ondelete='RESTRICT'))

    user: Mapped[Optional[User]] = relationship('User')
    test: Mapped[Optional[Test]] = relationship('Test')


class CustomizedTest(Base):
    """A regression test that a run is to run. Nothing makes these rows unique."""

    __tablename__ = 'customized_test'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    test_id: Mapped[Optional[int]] = mapped_column(ForeignKey(Test.id, onupdate='CASCADE', ondelete='RESTRICT'))
    regression_id: Mapped[Optional[int]] = mapped_column(
        ForeignKey(RegressionTest.id, onupdate='CASCADE', ondelete='CASCADE'))

    test: Mapped[Optional[Test]] = relationship('Test', back_populates='customized_tests')
    regression_test: Mapped[Optional[RegressionTest]] = relationship('RegressionTest')
