"""What maintainers do with the mails in a checkout: run the platform's tests and checks, copy a folder, and revert."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from .checkout import PATCHES, copy
from .documented import commands

#: The checks of the platform's workflow.
CHECKS = ['dodgy', 'isort', 'mypy', 'pycodestyle', 'pydocstyle']


# Tests

def start(platform, *modules):
    """Start some of the tests in a copy, or all, as the platform's workflow does."""
    return start_command(platform, sys.executable, '-m', 'nose2', '--verbose', *modules, TESTING='true')


def start_command(platform, *command, **variables):
    """Start a command that runs tests in a copy, with further variables of the environment."""
    return subprocess.Popen(command, cwd=platform.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors='replace',
                            env={**platform.environment('sqlite:///:memory:'), **variables})


def finish(process, seconds=300):
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


def finish_all(*platforms):
    """Run all tests in copies of some platforms at the same time, because they write, and remove config.py."""
    processes = [start(copy(platform, f'tested-{platform.path.name}', mounted=False)) for platform in platforms]
    return [finish(process, seconds=1800) for process in processes]


def check_any_order(platform, module):
    """Check that a module of tests and one of the platform's pass in any order."""
    modules = [module, 'tests.test_home.test_controllers']
    processes = [start(copy(platform, f'{order}-{module}', mounted=False), *ordered)
                 for order, ordered in (('before', modules), ('after', modules[::-1]))]
    for process in processes:
        count, failures = finish(process)
        assert count > 3 and failures == set()


def own_tests(*mails):
    """Return the modules of the tests that some mails bring."""
    found = re.findall(r'^\+\+\+ b/(tests/.+)\.py$', ''.join(mail.read_text() for mail in mails), re.MULTILINE)
    return sorted({path.replace('/', '.') for path in found})


def take_out(platform, mails, needs, name):
    """Take a mail, and those that need it, out of a copy with some mails. Their tests stay."""
    for other, mail in reversed(mails.items()):
        if name in [other, *needs.get(other, [])]:
            platform.git('apply', '--reverse', '--exclude=tests/*', str(mail))


# Checks

def added_messages(check, before, platform):
    """Return by how much a check of the workflow raises its exit status from one copy to another, and new messages."""
    workflow = (before.path / '.github/workflows/main.yml').read_text()
    commands = {command.split()[0]: command.replace(' --install-types --non-interactive', '')
                for command in re.findall(r'- name: Apply .*\n +run: \|\n +(.+)\n', workflow)}
    assert sorted(commands) == CHECKS
    status_before, messages_before = _messages_of(commands[check], before)
    status, messages = _messages_of(commands[check], platform)
    return status - status_before, messages - messages_before


@cache
def _messages_of(command, platform):
    """Return the exit status of a check, and its messages without the folder and the numbers of lines."""
    name, *arguments = command.split()
    done = subprocess.run([Path(sys.executable).with_name(name), *arguments], cwd=platform.path,
                          env=platform.environment(''), capture_output=True, text=True, timeout=600)
    lines = f'{done.stdout}{done.stderr}'.replace(str(platform.path), '').splitlines()
    return done.returncode, Counter(re.sub(r'\d+', '', line) for line in lines if ': note: ' not in line)


# The package as a folder

def copy_with_folder(platform, packages):
    """Copy a platform, with the package in a folder beside the platform's own, and with packages from elsewhere."""
    made = copy(platform, 'in-tree', mounted=False)
    shutil.copytree(platform.packages / 'mod_runs_api', made.path / 'mod_runs_api')
    return replace(made, packages=packages)


def check_sorted_folder(unmounted, in_tree, mails):
    """Check that a copy with the package as a folder works once isort has sorted the imports."""
    assert in_tree.run('-m', 'isort', '.', database='').returncode == 0

    assert added_messages('isort', unmounted, in_tree) == (0, Counter())
    # In the platform's own files it moves these lines only.
    changed = re.findall('(?m)^[+-](?![+-]).*$', in_tree.git('diff', '-U0'))
    assert changed and all(line[1:].startswith('from mod_runs_api') for line in changed)
    found = in_tree.run('-c', 'import mod_runs_api; print(mod_runs_api.__path__[0])', database='').stdout
    assert found.strip() == str(in_tree.path / 'mod_runs_api')
    count, failures = finish(start(in_tree, *own_tests(*mails)))
    assert count > 20 and failures == set()


# The commands of a page

def put_mails_beside(platform):
    """Put the mails where the pages have them, in a clone beside a copy of the platform, and return their folder."""
    mails = platform.path.with_name('mod_runs_api') / 'patches' / 'platform'
    shutil.rmtree(mails, ignore_errors=True)
    shutil.copytree(PATCHES['mount'].parent, mails)
    return mails


def type_in(platform, *typed):
    """Run commands of a page in a copy of the platform."""
    people = {f'GIT_{person}_{what}': 'tests' for person in ('AUTHOR', 'COMMITTER') for what in ('NAME', 'EMAIL')}
    for line in typed:
        subprocess.run(['bash', '-c', line], cwd=platform.path, env={**platform.environment(''), **people},
                       check=True, capture_output=True, timeout=60)


def take_mount_back(platform, commits):
    """Revert the commits that need the package, after an upgrade of the package, as the page does."""
    requirements = platform.path / 'requirements.txt'
    requirements.write_text(requirements.read_text().replace('HASH-OF-THE-COMMIT', '1' * 40))
    platform.git('commit', '--quiet', '--all', '--message', 'Upgrade the package')

    with pytest.raises(subprocess.CalledProcessError):
        platform.git('revert', '--no-edit', *commits)
    type_in(platform, *(typed for typed in commands('docs/take-back.rst', 'Take the mount back')
                        if typed.startswith(('git', 'sed'))))


def differences(platform, other):
    """Return in which files the newest commits of two copies differ."""
    other.git('fetch', '--quiet', str(platform.path), 'HEAD')
    return other.git('diff', '--stat', 'HEAD', 'FETCH_HEAD')
