"""The mails on a platform that has changed since the commit that they are for (docs/adopt.rst, "Apply the commits")."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from .checkout import PATCHES, copy
from .documented import command
from .workflow import APPLY, finish, own_tests, prepare_master, start_command, type_in

#: The file that most mails change.
CONTROLLERS = Path('mod_ci', 'controllers.py')


def move_lines(source):
    """Insert 25 lines before the first, the middle and the last function of a module that has no decorator."""
    lines = source.splitlines(keepends=True)
    # A decorator would stand before the line of its function.
    starts = [node.lineno - 1 for node in ast.parse(source).body
              if isinstance(node, ast.FunctionDef) and not node.decorator_list]
    for start in (starts[-1], starts[len(starts) // 2], starts[0]):
        lines[start:start] = ['# A comment of 25 lines\n'] * 25
    return ''.join(lines)


def make_ends_final(source):
    """Let no report follow an end, as the platform's pull request #1195 does, which may be merged before the mails."""
    changed, count = re.subn(r'\blast_status in \[', 'test.progress[-1].status in [', source)
    assert count == 1
    return changed


def copy_changed(unmounted, name, change):
    """Copy a platform, and commit a change of its controllers, after the commit that the mails are for."""
    platform = copy(unmounted, name)
    prepare_master(platform)
    path = platform.path / CONTROLLERS
    path.write_text(change(path.read_text()))
    platform.git('commit', '--quiet', '--all', '--message', 'The change')
    return platform


def code(source):
    """Return the code of a module, without comments and numbers of lines."""
    return ast.dump(ast.parse(source))


@pytest.fixture(scope='module')
def with_mails(unmounted):
    """The source of the controllers with the mails, on the commit that they are for."""
    platform = copy(unmounted, 'with-mails')
    platform.commit(*PATCHES.values())
    return (platform.path / CONTROLLERS).read_text()


@pytest.mark.parametrize('change', [move_lines, make_ends_final])
def test_mails_that_are_rebased_land_in_their_functions_and_their_tests_pass(unmounted, with_mails, change):
    platform = copy_changed(unmounted, f'rebased-{change.__name__}', change)

    type_in(platform, *APPLY)

    assert code((platform.path / CONTROLLERS).read_text()) == code(change(with_mails))
    count, failures = finish(start_command(platform, 'bash', '-c', command('docs/adopt.rst', 'TESTING=true')))
    assert count > len(own_tests(*PATCHES.values())) and failures == set()


def test_mails_that_are_applied_directly_land_in_their_functions_or_git_stops(unmounted, with_mails):
    platform = copy_changed(unmounted, 'direct', move_lines)
    for mail in PATCHES.values():
        try:
            platform.commit(mail)
        except subprocess.CalledProcessError:
            return

    assert code((platform.path / CONTROLLERS).read_text()) == code(move_lines(with_mails))
