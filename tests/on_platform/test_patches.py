"""The patches that the docs offer, on the real platform's checkout (docs/adopt.rst, "The commits")."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from packaging.utils import canonicalize_name
from sqlalchemy import NullPool, create_engine, text
from support.databases import fresh_database, named_server
from support.documents import ROOT

from .checkout import PATCHES, copy
from .documented import command, commands
from .protocol import running
from .rows import PlatformRows, seed_platform
from .workflow import (APPLY, CHECKS, added_messages, check_any_order, differences, finish, finish_all, own_tests,
                       prepare_master, start, take_out, type_in)

#: The fixes that the commit for automatic retries needs, beside the mount.
FIXES = ['status-length', 'cancel-status', 'lost-machines']
#: By their names the others that they need.
NEEDS = {'lost-machines': ['cancel-status'], 'time-limit': ['cancel-status', 'lost-machines'], 'openapi': ['mount'],
         'pages': ['mount'], 'webhook': ['mount'], 'report': ['mount'], 'automatic': [*FIXES, 'mount']}
#: Those that do not need the package, and those with templates, which are in place before the package is mounted.
ALONE = [name for name in PATCHES if 'mount' not in [name, *NEEDS.get(name, [])]]
TEMPLATES = ['pages', 'report']
#: The migration of the patch that mounts, and the one that it follows.
REVISION, HEAD = 'f6b0c9d8e7a1', 'd4f8e2a1b3c7'
#: A later migration of the platform, and the file that it comes in.
LATER = 'e7c9b4a2d1f0'
TABLES = {'run_retry', 'run_carried_over'}
#: What Debian 13 has without a list of its files, so that pip cannot replace it.
OF_DEBIAN = ['cryptography==43.0.0', 'packaging==25.0', 'wheel==0.46.1']


@pytest.fixture(scope='module')
def patched(unmounted):
    """A copy of the platform with the folder of the package, to which git has applied the mails."""
    platform = copy(unmounted, 'patched')
    platform.commit_with_folder(*PATCHES.values())
    return platform


@pytest.fixture(scope='module')
def never_mounted(unmounted):
    """A copy of the platform to which git has applied the mails that do not need the package."""
    platform = copy(unmounted, 'never-mounted')
    platform.commit(*(PATCHES[name] for name in ALONE))
    return platform


# The packages

def resolve(python, folder, *requirements):
    """Return the packages that pip would install on a version of Python for some requirements, with their versions."""
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--dry-run', '--ignore-installed', '--quiet', '--report', '-',
         '--only-binary=:all:', '--python-version', python, '--target', str(folder), *requirements],
        capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = [package['metadata'] for package in json.loads(done.stdout)['install']]
    return {str(canonicalize_name(package['name'])): package['version'] for package in found}


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12', '3.13', '3.14'])
def test_pip_finds_all_packages_and_replaces_none_that_it_cannot_remove_on_debian(patched, tmp_path, python):
    (tmp_path / 'debian.txt').write_text('\n'.join(OF_DEBIAN))
    of_debian = dict(pin.split('==') for pin in OF_DEBIAN)
    required = ['-r', str(patched.path / 'requirements.txt'), '-r', str(ROOT / 'requirements.txt')]

    newest = resolve(python, tmp_path, *required)
    on_debian = resolve(python, tmp_path, *required, '-c', str(tmp_path / 'debian.txt'))

    # Each other version that pip chooses is content with Debian's, so that pip leaves Debian's alone.
    assert on_debian == newest | {name: of_debian[name] for name in of_debian.keys() & newest.keys()}
    assert {'authlib', 'cryptography', 'flask-limiter', 'limits', 'packaging'} <= newest.keys()


def test_pip_installs_the_package_from_a_repository_at_the_hash_of_a_commit(unmounted, tmp_path):
    platform = copy(unmounted, 'by-hash')
    platform.commit(PATCHES['mount'])
    (repository := tmp_path / 'repository').mkdir()
    for name in subprocess.run(['git', 'ls-files', 'mod_runs_api', '*.cfg', '*.toml', 'requirements.txt', 'README.rst'],
                               cwd=ROOT, check=True, capture_output=True, text=True).stdout.split():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_bytes((ROOT / name).read_bytes())

    def git(*arguments):
        return subprocess.run(['git', '-c', 'user.name=tests', '-c', 'user.email=tests@example.com', *arguments],
                              cwd=repository, check=True, capture_output=True, text=True).stdout.strip()

    git('init', '--quiet')
    git('add', '--all')
    git('commit', '--quiet', '--message', 'The package')
    (name,) = re.findall(r'(mod-runs-api @ git\+)https://\S+@HASH', (ROOT / 'docs/adopt.rst').read_text())
    line = f"{name}file://{repository}@{git('rev-parse', 'HEAD')}"

    install = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', tmp_path / 'site', line]
    subprocess.run(install, check=True, capture_output=True, timeout=300)

    environment = {**platform.environment('sqlite://'), 'PYTHONPATH': str(tmp_path / 'site')}
    done = subprocess.run([sys.executable, '-c', 'import run, mod_runs_api; print(mod_runs_api.__file__)'],
                          cwd=platform.path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == str(tmp_path / 'site' / 'mod_runs_api' / '__init__.py'), done.stderr
    assert (tmp_path / 'site' / 'mod_runs_api' / 'LICENSE').exists()


# Their code

def test_the_platforms_tests_and_the_new_ones_pass_as_they_do_without_the_patches(unmounted, patched):
    (count, failures), (count_with, failures_with) = finish_all(unmounted, patched)

    assert failures_with == failures
    assert count_with > count > 0


@pytest.mark.parametrize('name', PATCHES)
def test_the_tests_of_a_patch_fail_without_it(patched, name):
    platform = copy(patched, f'without-{name}')
    take_out(platform, PATCHES, NEEDS, name)

    assert finish(start(platform, *own_tests(PATCHES[name])))[1]


@pytest.mark.parametrize('fix', FIXES)
def test_the_tests_of_automatic_retries_fail_without_a_fix_that_these_need(patched, fix):
    platform = copy(patched, f'automatic-without-{fix}')
    take_out(platform, PATCHES, {**NEEDS, 'automatic': []}, fix)

    failures = finish(start(platform, *own_tests(PATCHES['automatic'])))[1]

    assert failures and 'test_retries_start_by_themselves_and_say_that_they_wait' not in str(failures)


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
    with_one = copy(unmounted, f'before-{name}')
    # The pages name the commit that they are of.
    with_one.git('apply', str(PATCHES[name]))
    for platform in (unmounted, with_one):
        with running(platform, rows.address, tmp_path) as process:
            seen.append([process.call('report', run_id=run_id), *(
                process.call('ask', method='GET', path=path, user_id=user_id)['body']
                for path in ('/test/', '/', f'/test/{run_id}'))])

    assert '1 tests do not match' in seen[0][0] and f'/test/restart_test/{run_id}' in seen[0][1]
    assert seen[0] == seen[1]


@pytest.mark.parametrize('name', PATCHES)
def test_a_patch_is_good_with_those_alone_that_it_needs(unmounted, name):
    platform = copy(unmounted, f'alone-{name}')
    mails = [path for other, path in PATCHES.items() if other in [*NEEDS.get(name, []), name]]
    (platform.commit if name in ALONE else platform.commit_with_folder)(*mails)

    assert finish(start(platform, *own_tests(PATCHES[name])))[1] == set()


@pytest.mark.parametrize('check', CHECKS)
def test_no_commit_adds_a_message_of_the_checks_of_the_platforms_own_workflow(unmounted, patched, check):
    base = unmounted.git('rev-parse', 'HEAD').strip()

    found = added_messages(check, copy(patched, f'checked-{check}'), base)

    if check == 'mypy':
        # In the platform's workflow, its packages come with the mount.
        del found['The folder']
    assert len(found) >= len(PATCHES)
    assert found == dict.fromkeys(found, (0, Counter()))


# Their way in and out

def test_after_an_upgrade_the_commands_of_the_page_take_the_mount_back(unmounted, never_mounted):
    platform = copy(unmounted, 'upgraded')
    prepare_master(platform)
    type_in(platform, *APPLY)
    (platform.path / 'mod_runs_api' / 'deleted_by_the_upgrade.py').touch()
    requirements = platform.path / 'requirements.txt'
    requirements.write_text(requirements.read_text().replace('Flask-Limiter==4', 'Flask-Limiter==9'))
    platform.git('add', '--all')
    platform.git('commit', '--quiet', '--message', 'An older folder, and another pin')
    type_in(platform, *commands('docs/upgrade.rst', 'An upgrade'))
    assert not (platform.path / 'mod_runs_api' / 'deleted_by_the_upgrade.py').exists()
    assert (platform.path / 'mod_runs_api' / 'LICENSE').exists()

    subjects = {name: re.findall(r'(?m)^Subject: (.*(?:\n .*)*)', path.read_text())[0].replace('\n', '')
                for name, path in PATCHES.items()}
    hashes = dict(reversed(line.split(' ', 1)) for line in platform.git('log', '--format=%H %s').splitlines())
    reverted = ' '.join(hashes[subjects[name]] for name in reversed(PATCHES) if name not in ALONE)
    typed = [line.replace('COMMIT…', reverted) for line in commands('docs/take-back.rst', 'Take the mount back')
             if line.startswith(('git ', 'sed '))]
    with pytest.raises(AssertionError, match='requirements.txt'):
        type_in(platform, typed[0])
    type_in(platform, *typed[1:])

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

    migrate(unmounted, database, *documented('docs/deployments.rst', 'stamp'))
    migrate(unmounted, database, 'upgrade')

    migrate(patched, database, 'upgrade')
    assert tables(database) == made
    assert REVISION in migrate(patched, database, 'current')


def add_later_migration(platform):
    """Give a copy a migration of the platform that it gets after the commit which the mails are for."""
    (platform.path / 'migrations' / 'versions' / f'{LATER}_.py').write_text(
        'import sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {LATER!r}\ndown_revision = {HEAD!r}\nbranch_labels = None\ndepends_on = None\n\n\n"
        "def upgrade():\n    op.add_column('test', sa.Column('built_commit', sa.String(64), nullable=True))\n")
    platform.git('add', '--all')
    platform.git('commit', '--quiet', '--message', 'A later migration')


@pytest.mark.parametrize('is_deployed', [False, True])
def test_of_two_heads_the_page_changes_the_one_whose_migration_is_not_deployed(
        unmounted, patched, database, is_deployed):
    if is_deployed:
        migrate(patched, database, 'upgrade')
    else:
        deployed = copy(unmounted, 'later-alone')
        add_later_migration(deployed)
        migrate(deployed, database, 'upgrade')
    (row,) = database.query('SELECT version_num FROM alembic_version')
    assert (row.version_num == REVISION) == is_deployed
    platform = copy(patched, f'two-heads-{is_deployed}')
    add_later_migration(platform)

    def failures():
        return [test.split()[0] for _, test in finish(start(platform, 'tests.test_retries_migration'))[1]]

    assert failures() == ['test_migrations_have_one_head']
    # Two commands for each case.
    typed = commands('docs/deployments.rst', 'Two heads of the migrations')
    type_in(platform, *(typed[2:] if is_deployed else typed[:2]))
    assert failures() == []

    migrate(platform, database, 'upgrade')

    assert tables(database).keys() == TABLES
    assert database.query("SHOW COLUMNS FROM test LIKE 'built_commit'")
