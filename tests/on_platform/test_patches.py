"""The patches that the docs offer, on the real platform's checkout (docs/adopt.rst, "The commits")."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name
from sqlalchemy import NullPool, create_engine, text
from support.databases import fresh_database, named_server
from support.documents import ROOT

from .checkout import PATCHES, copy
from .documented import command, commands
from .protocol import running
from .rows import PlatformRows, seed_platform
from .workflow import (CHECKS, added_messages, check_any_order, check_sorted_folder, copy_with_folder, differences,
                       finish, finish_all, own_tests, put_mails_beside, start, take_mount_back, take_out, type_in)

#: By their names the others that they need.
NEEDS = {'lost-machines': ['cancel-status'], 'time-limit': ['cancel-status', 'lost-machines'], 'openapi': ['mount'],
         'pages': ['mount'], 'webhook': ['mount'], 'report': ['mount']}
#: Those that do not need the package, and those with templates, which are in place before the package is mounted.
ALONE = [name for name in PATCHES if 'mount' not in [name, *NEEDS.get(name, [])]]
TEMPLATES = ['pages', 'report']
#: The migration of the patch that mounts, and the one that it follows.
REVISION, HEAD = 'f6b0c9d8e7a1', 'd4f8e2a1b3c7'
TABLES = {'run_retry', 'run_carried_over'}


@pytest.fixture(scope='module')
def patched(unmounted):
    """A copy of the platform to which git has applied the mails."""
    platform = copy(unmounted, 'patched', mounted=False)
    platform.commit(*PATCHES.values())
    return platform


@pytest.fixture(scope='module')
def never_mounted(unmounted):
    """A copy of the platform to which git has applied the mails that do not need the package."""
    platform = copy(unmounted, 'never-mounted', mounted=False)
    platform.commit(*(PATCHES[name] for name in ALONE))
    return platform


def resolve(requirements):
    """Return the packages that pip would install for some requirements, with their versions."""
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--dry-run', '--ignore-installed', '--quiet', '--report', '-',
         '--requirement', '/dev/stdin'], input=requirements, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = [package['metadata'] for package in json.loads(done.stdout)['install']]
    return {canonicalize_name(package['name']): package['version'] for package in found}


# The mails

def test_the_pins_are_what_pip_resolves_for_the_package_beside_the_platforms_requirements(unmounted, patched):
    required = [line for line in (patched.path / 'requirements.txt').read_text().splitlines()
                if not line.startswith('mod-runs-api ')]
    pins = {str(canonicalize_name(name)): version
            for name, _, version in (line.partition('==') for line in required)}

    before = resolve((unmounted.path / 'requirements.txt').read_text())
    resolved = resolve('\n'.join([*required, (ROOT / 'requirements.txt').read_text()]))

    assert before.items() <= resolved.items()
    added = resolved.keys() - before.keys()
    assert {name: resolved[name] for name in added} == {name: pins.get(name) for name in added}
    assert pins.keys() - resolved.keys() == set()


# Their code

def test_the_platforms_tests_and_the_new_ones_pass_as_they_do_without_the_patches(unmounted, patched):
    (count, failures), (count_with, failures_with) = finish_all(unmounted, patched)

    assert failures_with == failures
    assert count_with > count > 0


@pytest.mark.parametrize('name', PATCHES)
def test_the_tests_of_a_patch_fail_without_it(patched, name):
    platform = copy(patched, f'without-{name}', mounted=False)
    take_out(platform, PATCHES, NEEDS, name)

    assert finish(start(platform, *own_tests(PATCHES[name])))[1]


@pytest.mark.parametrize('module', own_tests(*PATCHES.values()))
def test_a_new_test_module_and_one_of_the_platforms_pass_in_any_order(patched, module):
    check_any_order(patched, module)


@pytest.mark.parametrize('name', TEMPLATES)
def test_a_template_that_is_there_before_the_mount_changes_nothing_that_is_seen(unmounted, tmp_path, name):
    rows = PlatformRows(f'sqlite:///{tmp_path}/platform.sqlite')
    (user_id,) = unmounted.inside('add_people', rows.address, people={'adam': 'admin'}, password='').values()
    seed_platform(rows)
    test_id = rows.regression_test()
    run_id = rows.run([test_id])
    rows.result(run_id, test_id, got='different')
    seen = []
    with_one = replace(copy(unmounted, f'before-{name}', mounted=False), packages=tmp_path)
    with_one.apply(name)
    for platform in (unmounted, with_one):
        with running(platform, rows.address, tmp_path) as process:
            seen.append([process.call('report', run_id=run_id), *(
                process.call('ask', method='GET', path=path, user_id=user_id)['body']
                for path in ('/test/', '/', f'/test/{run_id}'))])

    assert '1 tests do not match' in seen[0][0] and f'/test/restart_test/{run_id}' in seen[0][1]
    assert seen[0] == seen[1]


@pytest.mark.parametrize('name', PATCHES)
def test_a_patch_is_good_with_those_alone_that_it_needs(unmounted, tmp_path, name):
    platform = copy(unmounted, f'alone-{name}', mounted=False)
    platform.commit(*(PATCHES[needed] for needed in [*NEEDS.get(name, []), name]))
    if name in ALONE:
        platform = replace(platform, packages=tmp_path)

    assert finish(start(platform, *own_tests(PATCHES[name])))[1] == set()


@pytest.mark.parametrize('check', CHECKS)
def test_the_patches_add_no_message_of_the_checks_of_the_platforms_own_workflow(unmounted, patched, check):
    assert added_messages(check, unmounted, patched) == (0, Counter())


# The package as a folder

@pytest.fixture
def in_tree(patched, tmp_path):
    """A copy with the mails, and with the package in a folder beside the platform's own."""
    platform = copy_with_folder(patched, tmp_path)
    yield platform
    shutil.rmtree(platform.path)


@pytest.mark.parametrize('check', [check for check in CHECKS if check != 'isort'])
def test_a_folder_with_the_package_adds_no_message_of_the_checks_but_of_isort(unmounted, in_tree, check):
    assert added_messages(check, unmounted, in_tree) == (0, Counter())


def test_a_folder_with_the_package_works_once_isort_has_sorted_the_imports(unmounted, in_tree):
    check_sorted_folder(unmounted, in_tree, PATCHES.values())


def copy_the_folder(platform):
    """Copy the folder of the package into a copy of the platform, and commit it, as the page does."""
    clone = platform.path.with_name('mod_runs_api')
    shutil.copytree(platform.packages / 'mod_runs_api', clone / 'mod_runs_api')
    shutil.copy(ROOT / 'LICENSE', clone)
    type_in(platform, *commands('docs/adopt.rst', 'Copy the folder instead'))


def test_after_the_folder_was_copied_the_mount_is_taken_back_in_the_order_of_the_page(unmounted, never_mounted):
    platform = copy(unmounted, 'taken-back', mounted=False)
    reverted_first, reverted = [], []
    for name, path in PATCHES.items():
        platform.commit(path)
        if name not in ALONE:
            reverted.append(platform.git('rev-parse', 'HEAD').strip())
            if name == 'mount':
                copy_the_folder(platform)
                reverted_first.append(platform.git('rev-parse', 'HEAD').strip())
            assert platform.run('-m', 'isort', '.', database='').returncode == 0
            if platform.git('diff', '--name-only'):
                platform.git('commit', '--quiet', '--all', '--message', 'Sort the imports')
                reverted_first.append(platform.git('rev-parse', 'HEAD').strip())

    platform.git('revert', '--no-edit', *reversed(reverted_first))
    platform.git('revert', '--no-edit', *reversed(reverted))

    assert differences(platform, never_mounted) == ''


def test_after_an_upgrade_the_commands_of_the_page_take_the_mount_back(patched, never_mounted):
    platform = copy(patched, 'upgraded', mounted=False)

    take_mount_back(platform, platform.git('rev-list', f'HEAD~{len(PATCHES) - len(ALONE)}..HEAD').split())

    assert differences(platform, never_mounted) == ''


# The migration

@pytest.fixture
def database(unmounted):
    """
    A database of the platform before the mount, on the server.

    Its tables are created as the platform creates them: its migrations alone do not lead from an empty database to
    today's.
    """
    with fresh_database(named_server()) as database:
        unmounted.inside('create_tables', database.uri)
        migrate(unmounted, database, 'stamp', 'head')
        yield database


def migrate(platform, database, *arguments):
    """Run a command of the migrations of a copy of the platform, and return what it printed."""
    done = platform.flask('db', *arguments, database=database.uri)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def tables(database):
    """Return the columns, keys and options of the package's tables, in no order of their own."""
    there = {name for name, in database.query('SHOW TABLES')}
    return {name: sorted(re.split(r',?\n', database.query(f'SHOW CREATE TABLE {name}')[0][1]))
            for name in TABLES & there}


def documented(page, start):
    """Return the words after ``flask`` of the command that a page tells people to type."""
    return command(page, f'flask --app run db {start}').split()[4:]


def test_the_migration_makes_what_create_all_makes_from_any_state(patched, database):
    migrate(patched, database, 'upgrade')
    made = tables(database)
    assert made.keys() == TABLES
    assert 'No changes in schema detected' in migrate(patched, database, 'migrate')

    for done in ([], ['DROP TABLE run_carried_over'], ['DROP TABLE run_carried_over', 'DROP TABLE run_retry']):
        database.query(*done)
        migrate(patched, database, 'stamp', HEAD)
        migrate(patched, database, 'upgrade')
        assert tables(database) == made, done

    database.query('DROP TABLE run_carried_over')
    migrate(patched, database, *documented('docs/take-back.rst', 'downgrade'))
    assert tables(database) == {}

    patched.inside('create_tables', database.uri)
    assert tables(database) == made


def test_the_migration_waits_for_no_transaction_that_has_read_and_none_of_these_fails(patched, database):
    engine = create_engine(database.uri, poolclass=NullPool)
    for steps, there in (['upgrade'], TABLES), (documented('docs/take-back.rst', 'downgrade'), set()):
        with engine.connect() as reader, engine.connect() as visitor:
            for table in ('test', 'user', 'regression_test'):
                reader.execute(text(f'SELECT COUNT(*) FROM {table}'))
            visitor.execute(text('SELECT COUNT(*) FROM user'))

            migrate(patched, database, *steps)

            visitor.execute(text('SELECT COUNT(*) FROM test'))
        assert tables(database).keys() == there


def test_after_a_rollback_took_the_file_first_a_stamp_lets_migrations_go_on(unmounted, patched, database):
    migrate(patched, database, 'upgrade')
    made = tables(database)
    # The platform's rollback does this.
    assert unmounted.flask('db', 'downgrade', HEAD, database=database.uri).returncode != 0
    assert unmounted.flask('db', 'upgrade', database=database.uri).returncode != 0

    migrate(unmounted, database, *documented('docs/operations.rst', 'stamp'))
    migrate(unmounted, database, 'upgrade')

    migrate(patched, database, 'upgrade')
    assert tables(database) == made
    assert REVISION in migrate(patched, database, 'current')


def test_two_heads_fail_a_test_and_one_line_puts_the_migration_behind_a_newer_one(patched):
    platform = copy(patched, 'september', mounted=False)
    (platform.path / 'migrations' / 'versions' / 'e7c9b4a2d1f0_.py').write_text(
        f"revision, down_revision = 'e7c9b4a2d1f0', {HEAD!r}\n")

    def failures():
        return [test.split()[0] for _, test in finish(start(platform, 'tests.test_retries_migration'))[1]]

    assert failures() == ['test_migrations_have_one_head']
    mails = put_mails_beside(platform)
    subprocess.run(command('docs/adopt.rst', 'sed -i "s/^+down'), shell=True, cwd=platform.path, check=True, timeout=60)
    platform.git('apply', '--reverse', str(PATCHES['mount']))
    platform.git('apply', str(mails / PATCHES['mount'].name))
    assert failures() == []
