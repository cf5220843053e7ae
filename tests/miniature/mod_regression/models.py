"""Regression tests, the outputs they are expected to make, and the categories they are in."""

from typing import Optional

from database import Base
from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

regressionTestLinkTable = Table(
    'regression_test_category',
    Base.metadata,
    Column('regression_id', Integer, ForeignKey('regression_test.id')),
    Column('category_id', Integer, ForeignKey('category.id')),
)


class Category(Base):
    """A named group of regression tests; a test may be in several."""

    __tablename__ = 'category'

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Optional[str]] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text)


class RegressionTest(Base):
    """One command, and the exit code it should end with."""

    __tablename__ = 'regression_test'
    __table_args__ = {'sqlite_autoincrement': True}

    id: Mapped[int] = mapped_column(primary_key=True)
    command: Mapped[str] = mapped_column(Text)
    expected_rc: Mapped[Optional[int]]
    active: Mapped[Optional[bool]] = mapped_column(default=True)
    last_passed_on_linux: Mapped[Optional[int]] = mapped_column(ForeignKey('test.id', ondelete='SET NULL'))

    categories: Mapped[list[Category]] = relationship(secondary=regressionTestLinkTable)
    output_files: Mapped[list['RegressionTestOutput']] = relationship(back_populates='regression_test')


class RegressionTestOutput(Base):
    """One output a regression test is expected to make."""

    __tablename__ = 'regression_test_output'

    id: Mapped[int] = mapped_column(primary_key=True)
    regression_id: Mapped[Optional[int]] = mapped_column(ForeignKey('regression_test.id'))
    correct: Mapped[Optional[str]] = mapped_column(Text)
    correct_extension: Mapped[str] = mapped_column(String(64))
    ignore: Mapped[Optional[bool]] = mapped_column(default=False)

    regression_test: Mapped[Optional[RegressionTest]] = relationship(back_populates='output_files')
    multiple_files: Mapped[list['RegressionTestOutputFiles']] = relationship(back_populates='output')


class RegressionTestOutputFiles(Base):
    """The hash of another file that is accepted for an output."""

    __tablename__ = 'regression_test_output_files'

    id: Mapped[int] = mapped_column(primary_key=True)
    file_hashes: Mapped[Optional[str]] = mapped_column(Text)
    regression_test_output_id: Mapped[Optional[int]] = mapped_column(ForeignKey('regression_test_output.id'))

    output: Mapped[Optional[RegressionTestOutput]] = relationship(back_populates='multiple_files')
