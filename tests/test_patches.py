"""The patches as mails, without the projects that they are for (docs/adopt.rst and contrib/README.rst)."""

import re
import subprocess

import pytest
import sqlalchemy
from database import Base
from packaging.requirements import Requirement
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable
from support.documents import MAILS, ROOT, read_table

#: By their folder: how their subjects begin, and the files that they may change.
KINDS = {**dict.fromkeys(['patches', 'platform'], (r'\[(FEATURE|FIX|IMPROVEMENT)] [A-Z]', '')),
         'console': (r'\[(FEATURE|FIX|IMPROVEMENT)] \w', r'web/src/'),
         'sp': (r'(feat|fix)\(\w+\): \w', r'(sp_cli|tests)/|(README|AGENTS)\.md$')}
#: By their folder, the pages with the tables of the mails for the platform.
TABLES = {'docs/patches': 'docs/adopt.rst', 'contrib/platform': 'contrib/README.rst'}
#: The mails for the platform, in the order in which they are applied.
OF_THE_PLATFORM = [mail for mail in MAILS if str(mail.parent.relative_to(ROOT)) in TABLES]


def changed_files(mail):
    """Return the files that a patch adds or changes by their paths, each with the number of lines that it adds."""
    listed = subprocess.run(['git', 'apply', '--numstat', mail], check=True, capture_output=True, text=True)
    return {path: int(lines) for lines, _, path in (line.split('\t') for line in listed.stdout.splitlines())}


def added(pattern):
    """Return what a pattern finds in the lines that the mails for the platform add."""
    text = ''.join(mail.read_text() for mail in OF_THE_PLATFORM)
    lines = re.findall(r'^\+(?!\+\+ )(.*)$', text, re.MULTILINE)
    return [match[0] for match in (re.search(pattern, line) for line in lines) if match]


def describe(table):
    """Return the lines of the statement that creates a table on MySQL."""
    return sorted(line.strip(' ,') for line in str(CreateTable(table).compile(dialect=mysql.dialect())).splitlines())


@pytest.mark.parametrize('mail', MAILS, ids=lambda mail: f'{mail.parent.name}/{mail.name}')
def test_a_patch_is_a_whole_mail_with_a_subject_of_its_projects_kind(tmp_path, mail):
    subject, files = KINDS[mail.parent.name]
    # As `git am --keep-non-patch` reads it.
    read = subprocess.run(['git', 'mailinfo', '-b', tmp_path / 'message', tmp_path / 'patch'], input=mail.read_bytes(),
                          check=True, capture_output=True)
    assert re.search(rf'^Subject: {subject}', read.stdout.decode(), re.MULTILINE)
    lines = (tmp_path / 'message').read_text().splitlines()
    assert lines and max(map(len, lines)) <= 80

    paths = changed_files(mail)
    assert paths and all(re.match(files, path) for path in paths)


@pytest.mark.parametrize('folder', KINDS)
def test_the_mails_are_numbered_in_their_order(folder):
    names = [mail.name[:5] for mail in MAILS if mail.parent.name == folder]

    assert names and names == [f'{number:04}-' for number in range(1, len(names) + 1)]


@pytest.mark.parametrize('folder', TABLES)
def test_the_docs_say_how_many_lines_of_code_a_commit_adds(folder):
    heading = f'``{folder}/``'
    documented = [(row[heading], row['lines']) for row in read_table(TABLES[folder], heading)]

    mails = sorted((ROOT / folder).glob('*.patch'))
    counted = [sum(lines for path, lines in changed_files(mail).items() if not path.startswith('tests/'))
               for mail in mails]
    names = [f'``{mail.stem[5:]}``' for mail in mails]
    assert documented == [(name, str(lines)) for name, lines in zip(names, counted, strict=True)]


@pytest.mark.usefixtures('app')
def test_the_migration_creates_the_tables_of_the_package():
    text = '\n'.join(added('^.*'))
    (listed,) = re.findall(r'^TABLES = (\[\n.*?^\])', text, re.MULTILINE | re.DOTALL)
    tables = eval(listed, {'sa': sqlalchemy})

    assert [table.name for table in tables] == ['run_retry', 'run_carried_over']
    for table in tables:
        assert describe(table) == describe(Base.metadata.tables[table.name])


def test_the_package_comes_from_one_address_at_the_hash_of_a_commit():
    (line,) = added('^mod-runs-api.*')

    assert re.fullmatch(r'mod-runs-api @ git\+https://\S+@(HASH-OF-THE-COMMIT|[0-9a-f]{40})', line)


def test_the_pins_are_versions_that_the_package_allows():
    lines = [line for line in (ROOT / 'requirements.txt').read_text().splitlines() if not line.startswith('#')]
    allowed = {required.name.lower(): required.specifier for required in map(Requirement, lines)}

    pins = dict(pin.lower().split('==') for pin in added(r'^[\w-]+==.+'))

    assert {'authlib', 'flask-limiter', 'limits'} <= pins.keys()
    assert {name: pins[name] for name in pins.keys() & allowed if pins[name] not in allowed[name]} == {}
