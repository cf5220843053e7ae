"""The mails that the docs offer, without the platform that they are for (docs/adopt.rst, "The commits")."""

import re

import pytest
import sqlalchemy
from database import Base
from packaging.requirements import Requirement
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable
from support.documents import ROOT
from support.mails import OF_THE_PLATFORM, check_mail, counted_lines, documented_lines, expected_numbers

MAILS = sorted(ROOT.glob('patches/platform/*.patch'))


def added(pattern):
    """Return what a pattern finds in the lines that the mails add."""
    text = ''.join(mail.read_text() for mail in MAILS)
    lines = re.findall(r'^\+(?!\+\+ )(.*)$', text, re.MULTILINE)
    return [match[0] for match in (re.search(pattern, line) for line in lines) if match]


def describe(table):
    """Return the lines of the statement that creates a table on MySQL."""
    return sorted(line.strip(' ,') for line in str(CreateTable(table).compile(dialect=mysql.dialect())).splitlines())


@pytest.mark.parametrize('mail', MAILS, ids=lambda mail: mail.stem)
def test_a_patch_is_a_whole_mail_with_a_subject_of_the_platforms_kind(tmp_path, mail):
    check_mail(tmp_path, mail, OF_THE_PLATFORM)


def test_the_mails_are_numbered_in_their_order():
    assert [mail.name[:5] for mail in MAILS] == expected_numbers(MAILS)


def test_the_docs_say_how_many_lines_of_code_a_commit_adds():
    assert documented_lines('docs/adopt.rst', 'commit') == counted_lines(MAILS)


@pytest.mark.usefixtures('app')
def test_the_migration_creates_the_tables_of_the_package():
    text = '\n'.join(added('^.*'))
    (listed,) = re.findall(r'^TABLES = (\[\n.*?^\])', text, re.MULTILINE | re.DOTALL)
    tables = eval(listed, {'sa': sqlalchemy})

    assert [table.name for table in tables] == ['run_retry', 'run_carried_over']
    for table in tables:
        assert describe(table) == describe(Base.metadata.tables[table.name])


def test_the_pins_are_versions_that_the_package_allows():
    lines = [line for line in (ROOT / 'requirements.txt').read_text().splitlines() if not line.startswith('#')]
    allowed = {required.name.lower(): required.specifier for required in map(Requirement, lines)}

    pins = dict(pin.lower().split('==') for pin in added(r'^[\w-]+==.+'))

    assert pins.keys() == {'authlib', 'flask-limiter'}
    assert all(version in allowed[name] for name, version in pins.items())
