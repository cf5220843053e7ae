"""What maintainers do with the mails in a checkout: run the platform's tests and checks, and type what pages say."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from .checkout import copy
from .documented import commands

#: The checks of the platform's workflow.
CHECKS = ['dodgy', 'isort', 'mypy', 'pycodestyle', 'pydocstyle']

#: What adopters type to have the commits on their master.
APPLY = commands('docs/adopt.rst', 'Apply the commits')


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
    processes = [start(copy(platform, f'tested-{platform.path.name}')) for platform in platforms]
    return [finish(process, seconds=1800) for process in processes]


def check_any_order(platform, module):
    """Check that a module of tests and one of the platform's pass in any order."""
    modules = [module, 'tests.test_home.test_controllers']
    processes = [start(copy(platform, f'{order}-{module}'), *ordered)
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

def messages_of(check, platform):
    """Return the exit status of a check of the platform's workflow, and its messages without the numbers of lines."""
    workflow = (platform.path / '.github/workflows/main.yml').read_text()
    commands = {command.split()[0]: command.replace(' --install-types --non-interactive', '')
                for command in re.findall(r'- name: Apply .*\n +run: \|\n +(.+)\n', workflow)}
    assert sorted(commands) == CHECKS
    name, *arguments = commands[check].split()
    done = subprocess.run([Path(sys.executable).with_name(name), *arguments], cwd=platform.path,
                          env=platform.environment(''), capture_output=True, text=True, timeout=600)
    lines = f'{done.stdout}{done.stderr}'.replace(str(platform.path), '').splitlines()
    # mypy counts the files that it has checked.
    return done.returncode, Counter(re.sub(r'\d+', '', line) for line in lines if ': note: ' not in line)


def added_messages(check, platform, base):
    """Return what a check says at each commit of a copy since a base, beyond what it says there, by the subjects."""
    status_before, before = messages_of(check, platform_at(platform, base))
    found = {}
    for line in platform.git('log', '--reverse', '--format=%H %s', f'{base}..master').splitlines():
        commit, _, subject = line.partition(' ')
        status, messages = messages_of(check, platform_at(platform, commit))
        found[subject] = (status - status_before, messages - before)
    return found


def platform_at(platform, commit):
    """Check a commit of a copy out, and return the copy."""
    platform.git('checkout', '--quiet', '--detach', commit)
    return platform


# The commands of a page

def type_in(platform, *typed):
    """Run commands of a page in a copy of the platform."""
    people = {f'GIT_{person}_{what}': 'tests' for person in ('AUTHOR', 'COMMITTER') for what in ('NAME', 'EMAIL')}
    for line in typed:
        done = subprocess.run(['bash', '-c', line], cwd=platform.path, env={**platform.environment(''), **people},
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def prepare_master(platform):
    """Give a copy the branch and the commit that the pages name."""
    platform.git('branch', '--force', '--move', 'master')
    branch_at, = re.findall(r'^git switch --create \S+ (\S+)$', '\n'.join(APPLY), re.MULTILINE)
    platform.git('tag', branch_at)


def differences(platform, other):
    """Return in which files the newest commits of two copies differ."""
    other.git('fetch', '--quiet', str(platform.path), 'HEAD')
    return other.git('diff', '--stat', 'HEAD', 'FETCH_HEAD')
