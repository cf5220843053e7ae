"""The trial, as the page tells it (docs/trial.rst, "A trial of one evening")."""

import os
import pty
import re
import subprocess
import sys
from datetime import timedelta
from textwrap import dedent

from support.databases import fresh_database, named_server

from .checkout import copy
from .documented import commands, section
from .rows import PlatformRows, now, seed_platform

TRIAL = ('docs/trial.rst', 'A trial of one evening')


def seed(rows):
    """Write the runs of a day: 8 have ended by their results, 5 by something else, one waits."""
    seed_platform(rows)
    tests = [rows.regression_test() for _ in range(3)]
    ended_at = now() - timedelta(hours=2)

    def run(message='', results=0, failing=0, **configuration):
        run_id = rows.run(tests, stages=['preparation', 'testing'], **configuration)
        for number, test_id in enumerate(tests[:results]):
            rows.result(run_id, test_id, got='different' if number < failing else None)
        rows.add('test_progress', test_id=run_id, status='canceled' if message else 'completed', message=message,
                 timestamp=ended_at)

    for failing in (0, 0, 1, 0, 0, 2, 0, 0):
        run(results=3, failing=failing)
    run('Could not complete test, time limit exceeded', results=1)
    run('Build failed, please check the build log')
    run('Could not complete test, time limit exceeded')
    run('Canceled by admin', results=2)
    run('Duplicate Entries', results=2, test_type='commit', branch='master', pr_nr=0)
    rows.run(tests, stages=[])


def on_a_terminal(platform, command, database):
    """Return what a person sees of a command; the log is left out."""
    main, terminal = pty.openpty()
    subprocess.run([sys.executable, '-m', *command.split()], cwd=platform.path, env=platform.environment(database),
                   stdout=terminal, stderr=subprocess.DEVNULL, timeout=120)
    os.close(terminal)
    with open(main, 'rb', buffering=0) as opened:
        return opened.read(2 ** 16).decode().replace('\r\n', '\n')


def follow(platform, database):
    """Prepare a checkout as the page does, but on this database."""
    for name in ('config.py', 'secret_key', 'secret_csrf', 'service-account.json'):
        (platform.path / name).unlink()
    typed = commands(*TRIAL)
    first, last = (next(number for number, command in enumerate(typed) if start in command)
                   for start in ('cp config_sample.py', 'app.register_blueprint'))
    for command in typed[first:last + 1]:
        command = re.sub(r"DATABASE_URI = '.*?'", f"DATABASE_URI = '{database}'", command)
        subprocess.run(['bash', '-c', command], cwd=platform.path, check=True, capture_output=True, timeout=60)


def read_all(rows):
    """Return all rows of all tables."""
    return {name: rows.of(name) for name in rows.metadata.tables}


def test_the_commands_print_what_the_page_shows_and_write_no_row(unmounted):
    shown = re.findall(r'^    \$ (flask --app run runs-api .+)\n((?:    .+\n)+)', section(*TRIAL), re.MULTILINE)
    assert [command.split()[4] for command, _ in shown] == ['causes', 'sweep']
    rights, = re.findall(r'GRANT (.+) ON evening', section(*TRIAL))
    assert rights == 'SELECT, CREATE'
    platform = copy(unmounted, 'evening')

    with fresh_database(named_server()) as database, database.for_account(rights) as account:
        unmounted.inside('create_tables', database.uri)
        rows = PlatformRows(database.uri)
        seed(rows)
        before = read_all(rows)
        follow(platform, account.uri)
        for command, output in shown:
            assert on_a_terminal(platform, command, account.uri) == dedent(output)
        assert read_all(PlatformRows(database.uri)) == {**before, 'run_retry': [], 'run_carried_over': []}
