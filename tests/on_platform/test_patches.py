"""The patches that the docs offer, on the real platform's checkout (docs/adopt.rst, "The commits")."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from sqlalchemy import NullPool, create_engine, text
from support.databases import fresh_database, named_server
from support.documents import ROOT

from .checkout import PATCHES, copy
from .documented import command, commands
from .protocol import running
from .rows import PlatformRows, seed_platform

#: By their names the others that they need.
NEEDS = {'held-builds': ['builds'], 'lost-machines': ['cancel-status'],
         'time-limit': ['cancel-status', 'lost-machines'], 'openapi': ['mount'], 'pages': ['mount'],
         'webhook': ['mount'], 'report': ['mount'], 'after-build': ['builds', 'mount']}
#: Those that do not need the package, and those with templates, which are in place before the package is mounted.
ALONE = [name for name in PATCHES if 'mount' not in [name, *NEEDS.get(name, [])]]
TEMPLATES = ['pages', 'report']
#: The migration of the patch that mounts, and the one that it follows.
REVISION, HEAD = 'f6b0c9d8e7a1', 'd4f8e2a1b3c7'
TABLES = {'run_retry', 'run_carried_over'}


@pytest.fixture(scope='module')
def with_all(unmounted):
    """A copy of the platform to which git has applied all mails."""
    platform = copy(unmounted, 'with-all', mounted=False)
    platform.git('am', '--quiet', '--keep-non-patch', *map(str, PATCHES.values()))
    return platform


@pytest.fixture(scope='module')
def never_mounted(unmounted):
    """A copy of the platform to which git has applied the mails that do not need the package."""
    platform = copy(unmounted, 'never-mounted', mounted=False)
    platform.git('am', '--quiet', '--keep-non-patch', *(str(PATCHES[name]) for name in ALONE))
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

def test_the_pins_are_what_pip_resolves_for_the_package_beside_the_platforms_requirements(unmounted, with_all):
    required = [line for line in (with_all.path / 'requirements.txt').read_text().splitlines()
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

def start(platform, *modules):
    """Start some of the tests in a copy, or all, as the platform's workflow does."""
    return subprocess.Popen(
        [sys.executable, '-m', 'nose2', '--verbose', *modules], cwd=platform.path, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
        env={**platform.environment('sqlite:///:memory:'), 'TESTING': 'true'})


def finish(process, seconds):
    """Wait for the tests, and return how many there were, and what failed: ``FAIL`` or ``ERROR``, and the test."""
    try:
        output, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.wait()
    counts = re.findall(r'^Ran (\d+) tests? in ', output, re.MULTILINE)
    assert len(counts) == 1, output[-5000:]
    # Each one has a heading under a double line.
    return int(counts[0]), set(re.findall(r'^={70}\n(FAIL|ERROR): (.+)$', output, re.MULTILINE))


def own_tests(name):
    """Return the modules of the tests that a patch brings."""
    found = re.findall(r'^\+\+\+ b/(tests/.+)\.py$', PATCHES[name].read_text(), re.MULTILINE)
    return [path.replace('/', '.') for path in found]


def test_the_platforms_tests_and_the_new_ones_pass_as_they_do_without_the_patches(unmounted, with_all):
    # They write to the checkout, and remove its config.py.
    processes = [start(copy(platform, f'tested-{platform.path.name}', mounted=False))
                 for platform in (unmounted, with_all)]

    (count, failures), (count_with, failures_with) = (finish(process, seconds=1800) for process in processes)

    assert failures_with == failures
    assert count_with > count > 0


@pytest.mark.parametrize('name', PATCHES)
def test_the_tests_of_a_patch_fail_without_it(with_all, name):
    platform = copy(with_all, f'without-{name}', mounted=False)
    for other in reversed(PATCHES):
        if name in [other, *NEEDS.get(other, [])]:
            platform.git('apply', '--reverse', '--exclude=tests/*', str(PATCHES[other]))

    assert finish(start(platform, *own_tests(name)), seconds=300)[1]


@pytest.mark.parametrize('module', sorted({module for name in PATCHES for module in own_tests(name)}))
def test_a_new_test_module_and_one_of_the_platforms_pass_in_any_order(with_all, module):
    modules = [module, 'tests.test_home.test_controllers']
    processes = [start(copy(with_all, f'{order}-{module}', mounted=False), *ordered)
                 for order, ordered in (('before', modules), ('after', modules[::-1]))]

    for process in processes:
        count, failures = finish(process, seconds=300)
        assert count > 3 and failures == set()


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
    platform.git('am', '--quiet', '--keep-non-patch',
                 *(str(PATCHES[needed]) for needed in [*NEEDS.get(name, []), name]))
    if name in ALONE:
        platform = replace(platform, packages=tmp_path)

    assert finish(start(platform, *own_tests(name)), seconds=300)[1] == set()


#: The checks of the platform's own workflow.
CHECKS = ['dodgy', 'isort', 'mypy', 'pycodestyle', 'pydocstyle']


@pytest.mark.parametrize('check', CHECKS)
def test_the_patches_add_no_message_of_the_checks_of_the_platforms_own_workflow(unmounted, with_all, check):
    assert added_messages(check, unmounted, with_all) == (0, Counter())


def added_messages(check, before, platform):
    """Return by how much a check of the workflow raises its exit status from one copy to another, and new messages."""
    workflow = (before.path / '.github/workflows/main.yml').read_text()
    commands = {command.split()[0]: command.replace(' --install-types --non-interactive', '')
                for command in re.findall(r'- name: Apply .*\n +run: \|\n +(.+)\n', workflow)}
    assert sorted(commands) == CHECKS
    status_before, messages_before = messages_of(commands[check], before)
    status, messages = messages_of(commands[check], platform)
    return status - status_before, messages - messages_before


@cache
def messages_of(command, platform):
    """Return the exit status of a check, and its messages without the folder and the numbers of lines."""
    name, *arguments = command.split()
    done = subprocess.run([Path(sys.executable).with_name(name), *arguments], cwd=platform.path,
                          env=platform.environment(''), capture_output=True, text=True, timeout=600)
    lines = f'{done.stdout}{done.stderr}'.replace(str(platform.path), '').splitlines()
    return done.returncode, Counter(re.sub(r'\d+', '', line) for line in lines if ': note: ' not in line)


# The package as a folder

@pytest.fixture
def in_tree(with_all, tmp_path):
    """A copy with all mails that has the package in a folder beside the platform's own."""
    platform = copy(with_all, 'in-tree', mounted=False)
    shutil.copytree(platform.packages / 'mod_runs_api', platform.path / 'mod_runs_api')
    yield replace(platform, packages=tmp_path)
    shutil.rmtree(platform.path)


@pytest.mark.parametrize('check', [check for check in CHECKS if check != 'isort'])
def test_a_folder_with_the_package_adds_no_message_of_the_checks_but_of_isort(unmounted, in_tree, check):
    assert added_messages(check, unmounted, in_tree) == (0, Counter())


def test_a_folder_with_the_package_works_once_isort_has_sorted_the_imports(unmounted, in_tree):
    assert in_tree.run('-m', 'isort', '.', database='').returncode == 0

    assert added_messages('isort', unmounted, in_tree) == (0, Counter())
    # In the platform's own files it moves these lines only.
    changed = re.findall('(?m)^[+-](?![+-]).*$', in_tree.git('diff', '-U0'))
    assert changed and all(line[1:].startswith('from mod_runs_api') for line in changed)
    found = in_tree.run('-c', 'import mod_runs_api; print(mod_runs_api.__path__[0])', database='').stdout
    assert found.strip() == str(in_tree.path / 'mod_runs_api')
    count, failures = finish(start(in_tree, *(module for name in PATCHES for module in own_tests(name))), seconds=300)
    assert count > 20 and failures == set()


def copy_the_folder(platform):
    """Copy the folder of the package into a copy of the platform, and commit it, as the page does."""
    clone = platform.path.with_name('mod_runs_api')
    shutil.copytree(platform.packages / 'mod_runs_api', clone / 'mod_runs_api')
    shutil.copy(ROOT / 'LICENSE', clone)
    type_in(platform, *commands('docs/adopt.rst', 'Copy the folder instead'))


def type_in(platform, *typed):
    """Run commands of a page in a copy of the platform."""
    people = {f'GIT_{person}_{what}': 'tests' for person in ('AUTHOR', 'COMMITTER') for what in ('NAME', 'EMAIL')}
    for line in typed:
        subprocess.run(['bash', '-c', line], cwd=platform.path, env={**platform.environment(''), **people},
                       check=True, capture_output=True, timeout=60)


def differences(platform, other):
    """Return in which files the newest commits of two copies differ."""
    other.git('fetch', '--quiet', str(platform.path), 'HEAD')
    return other.git('diff', '--stat', 'HEAD', 'FETCH_HEAD')


def test_after_the_folder_was_copied_the_mount_is_taken_back_in_the_order_of_the_page(unmounted, never_mounted):
    platform = copy(unmounted, 'taken-back', mounted=False)
    reverted_first, reverted = [], []
    for name, path in PATCHES.items():
        platform.git('am', '--quiet', '--keep-non-patch', str(path))
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


def test_after_an_upgrade_the_commands_of_the_page_take_the_mount_back(with_all, never_mounted):
    platform = copy(with_all, 'upgraded', mounted=False)
    mounting = [commit for name, commit in zip(reversed(PATCHES), platform.git('rev-list', 'HEAD').split())
                if name not in ALONE]
    requirements = platform.path / 'requirements.txt'
    requirements.write_text(requirements.read_text().replace('HASH-OF-THE-COMMIT', '1' * 40))
    platform.git('commit', '--quiet', '--all', '--message', 'Upgrade the package')

    with pytest.raises(subprocess.CalledProcessError):
        platform.git('revert', '--no-edit', *mounting)
    type_in(platform, *(typed for typed in commands('docs/take-back.rst', 'Take the mount back')
                        if typed.startswith(('git', 'sed'))))

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


def test_the_migration_makes_what_create_all_makes_from_any_state(with_all, database):
    migrate(with_all, database, 'upgrade')
    made = tables(database)
    assert made.keys() == TABLES
    assert 'No changes in schema detected' in migrate(with_all, database, 'migrate')

    for done in ([], ['DROP TABLE run_carried_over'], ['DROP TABLE run_carried_over', 'DROP TABLE run_retry']):
        database.query(*done)
        migrate(with_all, database, 'stamp', HEAD)
        migrate(with_all, database, 'upgrade')
        assert tables(database) == made, done

    database.query('DROP TABLE run_carried_over')
    migrate(with_all, database, *documented('docs/take-back.rst', 'downgrade'))
    assert tables(database) == {}

    with_all.inside('create_tables', database.uri)
    assert tables(database) == made


def test_the_migration_waits_for_no_transaction_that_has_read_and_none_of_these_fails(with_all, database):
    engine = create_engine(database.uri, poolclass=NullPool)
    for steps, there in (['upgrade'], TABLES), (documented('docs/take-back.rst', 'downgrade'), set()):
        with engine.connect() as reader, engine.connect() as visitor:
            for table in ('test', 'user', 'regression_test'):
                reader.execute(text(f'SELECT COUNT(*) FROM {table}'))
            visitor.execute(text('SELECT COUNT(*) FROM user'))

            migrate(with_all, database, *steps)

            visitor.execute(text('SELECT COUNT(*) FROM test'))
        assert tables(database).keys() == there


def test_after_a_rollback_took_the_file_first_a_stamp_lets_migrations_go_on(unmounted, with_all, database):
    migrate(with_all, database, 'upgrade')
    made = tables(database)
    # The platform's rollback does this.
    assert unmounted.flask('db', 'downgrade', HEAD, database=database.uri).returncode != 0
    assert unmounted.flask('db', 'upgrade', database=database.uri).returncode != 0

    migrate(unmounted, database, *documented('docs/operations.rst', 'stamp'))
    migrate(unmounted, database, 'upgrade')

    migrate(with_all, database, 'upgrade')
    assert tables(database) == made
    assert REVISION in migrate(with_all, database, 'current')


def test_two_heads_fail_a_test_and_one_line_puts_the_migration_behind_a_newer_one(with_all):
    platform = copy(with_all, 'september', mounted=False)
    (platform.path / 'migrations' / 'versions' / 'e7c9b4a2d1f0_.py').write_text(
        f"revision, down_revision = 'e7c9b4a2d1f0', {HEAD!r}\n")

    def failures():
        return [test.split()[0] for _, test in finish(start(platform, 'tests.test_retries_migration'), 300)[1]]

    assert failures() == ['test_migrations_have_one_head']
    mails = platform.path.with_name('mod_runs_api') / 'docs' / 'patches'
    shutil.copytree(PATCHES['mount'].parent, mails)
    subprocess.run(command('docs/adopt.rst', 'sed -i "s/^+down'), shell=True, cwd=platform.path, check=True, timeout=60)
    platform.git('apply', '--reverse', str(PATCHES['mount']))
    platform.git('apply', str(mails / PATCHES['mount'].name))
    assert failures() == []
