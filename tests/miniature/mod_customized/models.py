"""Who owns a run, and which regression tests it runs."""

from typing import Optional

from database import Base
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column


class TestFork(Base):
    """An owner of a run."""

    __tablename__ = 'test_fork'

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[Optional[int]] = mapped_column(ForeignKey('user.id'))
    test_id: Mapped[Optional[int]] = mapped_column(ForeignKey('test.id'))


class CustomizedTest(Base):
    """A regression test that a run is to run. Nothing makes these rows unique."""

    __tablename__ = 'customized_test'

    id: Mapped[int] = mapped_column(primary_key=True)
    test_id: Mapped[Optional[int]] = mapped_column(ForeignKey('test.id'))
    regression_id: Mapped[Optional[int]] = mapped_column(ForeignKey('regression_test.id', ondelete='CASCADE'))
