"""Regression tests, the outputs they are expected to make, and the categories they are in."""

from typing import TYPE_CHECKING, Optional

from database import Base, DeclEnum
from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

if TYPE_CHECKING:
    from mod_sample.models import Sample

regressionTestLinkTable = Table(
    'regression_test_category',
    Base.metadata,
    Column('regression_id', Integer, ForeignKey('regression_test.id', onupdate='CASCADE', ondelete='RESTRICT')),
    Column('category_id', Integer, ForeignKey('category.id', onupdate='CASCADE', ondelete='RESTRICT')),
)


class InputType(DeclEnum):
    """How a test is given its sample."""

    file = 'file', 'File'
    stdin = 'stdin', 'Stdin'
    udp = 'udp', 'UDP'


class OutputType(DeclEnum):
    """Where a test's output goes."""

    file = 'file', 'File'
    null = 'null', 'Null'
    tcp = 'tcp', 'TCP'
    cea708 = 'cea708', 'CEA-708'
    multi_program = 'multiprogram', 'Multi-program'
    stdout = 'stdout', 'Stdout'
    report = 'report', 'Report'


class Category(Base):
    """A named group of regression tests; a test may be in several."""

    __tablename__ = 'category'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Optional[str]] = mapped_column(String(64), unique=True)
    description: Mapped[str] = mapped_column(Text)
    regression_tests: Mapped[list['RegressionTest']] = relationship(
        'RegressionTest', secondary=regressionTestLinkTable, back_populates='categories')


class RegressionTest(Base):
    """One command on one sample, and the exit code it should end with."""

    __tablename__ = 'regression_test'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    sample_id: Mapped[Optional[int]] = mapped_column(
        ForeignKey('sample.id', onupdate='CASCADE', ondelete='CASCADE'))
    command: Mapped[str] = mapped_column(Text)
    input_type: Mapped[Optional[InputType]] = mapped_column(InputType.db_type())
    output_type: Mapped[Optional[OutputType]] = mapped_column(OutputType.db_type())
    expected_rc: Mapped[Optional[int]]
    active: Mapped[Optional[bool]] = mapped_column(default=True)
    last_passed_on_windows: Mapped[Optional[int]] = mapped_column(
        ForeignKey('test.id', onupdate='CASCADE', ondelete='SET NULL'))
    last_passed_on_linux: Mapped[Optional[int]] = mapped_column(
        ForeignKey('test.id', onupdate='CASCADE', ondelete='SET NULL'))
    description: Mapped[Optional[str]] = mapped_column(String(1024))

    sample: Mapped[Optional['Sample']] = relationship('Sample', back_populates='tests')
    categories: Mapped[list[Category]] = relationship(
        'Category', secondary=regressionTestLinkTable, back_populates='regression_tests')
    output_files: Mapped[list['RegressionTestOutput']] = relationship(
        'RegressionTestOutput', back_populates='regression_test')


class RegressionTestOutput(Base):
    """One output a regression test is expected to make."""

    __tablename__ = 'regression_test_output'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    regression_id: Mapped[Optional[int]] = mapped_column(
        ForeignKey('regression_test.id', onupdate='CASCADE', ondelete='RESTRICT'))
    correct: Mapped[Optional[str]] = mapped_column(Text)
    correct_extension: Mapped[str] = mapped_column(String(64))
    expected_filename: Mapped[Optional[str]] = mapped_column(Text)
    ignore: Mapped[Optional[bool]] = mapped_column(default=False)

    regression_test: Mapped[Optional[RegressionTest]] = relationship('RegressionTest', back_populates='output_files')
    multiple_files: Mapped[list['RegressionTestOutputFiles']] = relationship(
        'RegressionTestOutputFiles', back_populates='output')


class RegressionTestOutputFiles(Base):
    """The hash of another file that is accepted for an output."""

    __tablename__ = 'regression_test_output_files'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    file_hashes: Mapped[Optional[str]] = mapped_column(Text)
    regression_test_output_id: Mapped[Optional[int]] = mapped_column(
        ForeignKey('regression_test_output.id', onupdate='CASCADE', ondelete='RESTRICT'))

    output: Mapped[Optional[RegressionTestOutput]] = relationship(
        'RegressionTestOutput', back_populates='multiple_files')
