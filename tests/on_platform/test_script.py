"""The script that turns mails into commits and back, on the real platform (CONTRIBUTING.rst, "The mails")."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.documents import ROOT

from .checkout import Platform, copy

MAILS = 'patches/platform'


@dataclass(frozen=True)
class Clone:
    """The mails in a clone of this repository, and the checkout in which they are edited."""

    path: Path
    platform: Platform

    def run(self, command):
        """Run the script as somebody with settings of their own, and return whether it succeeds."""
        settings = self.path / 'gitconfig'
        settings.write_text('[user]\nname = tests\nemail = tests@example.com\n'
                            '[diff]\ncontext = 5\nnoprefix = true\nalgorithm = patience\n[format]\nsignOff = true\n')
        done = subprocess.run(
            [self.path / 'patches/mails.sh', command, self.platform.path], timeout=120,
            env={**self.platform.environment(''), 'GIT_CONFIG_GLOBAL': str(settings)}, stdout=subprocess.DEVNULL)
        return done.returncode == 0

    def mails(self):
        """Return the bytes of the mails by their names."""
        return {path.name: path.read_bytes() for path in (self.path / MAILS).glob('*.patch')}


@pytest.fixture
def clone(unmounted, tmp_path):
    """The mails, which the script has applied to a checkout."""
    shutil.copytree(ROOT / MAILS, tmp_path / MAILS)
    shutil.copy(ROOT / 'patches/mails.sh', tmp_path / 'patches')
    clone = Clone(tmp_path, copy(unmounted, f'edited-{tmp_path.name}'))
    assert clone.run('apply')
    return clone


def test_mails_that_are_written_without_an_edit_have_the_same_bytes(clone):
    before = clone.mails()

    assert clone.run('write')

    assert clone.mails() == before


def test_a_line_that_is_added_to_a_commit_is_in_its_mail_and_moves_those_after_it(clone):
    before = clone.mails()
    tests = clone.platform.path / 'tests/test_ci/test_cancel_status.py'
    commit, = clone.platform.git('log', '--format=%h', '--diff-filter=A', '--', str(tests)).split()
    controllers = clone.platform.path / 'mod_ci/controllers.py'
    controllers.write_text(controllers.read_text().replace(
        "\nCANCELED_BY_PERSON = ", "\n# A comment of one line\nCANCELED_BY_PERSON = "))
    clone.platform.git('commit', '--quiet', '--all', '--fixup', commit)
    clone.platform.git('-c', 'sequence.editor=true', 'rebase', '--quiet', '--interactive', '--autosquash',
                       'refs/mails/base')

    assert clone.run('write')

    after = clone.mails()
    assert [name for name, mail in after.items() if b'+# A comment of one line\n' in mail] == [
        '0002-cancel-status.patch']
    changed = [name for name in before if before[name] != after[name]]
    assert '0001-status-length.patch' not in changed and '0003-lost-machines.patch' in changed
    tree = clone.platform.git('rev-parse', 'HEAD^{tree}')
    clone.platform.git('checkout', '--quiet', 'refs/mails/base')
    assert clone.run('apply')
    assert clone.platform.git('rev-parse', 'HEAD^{tree}') == tree


def test_without_a_commit_for_each_mail_and_each_edit_nothing_is_written(clone):
    before = clone.mails()
    with open(clone.platform.path / 'run.py', 'a') as file:
        file.write('# A comment of one line\n')
    assert not clone.run('write')
    clone.platform.git('reset', '--quiet', '--hard', 'HEAD~')

    assert not clone.run('write')

    assert clone.mails() == before


def test_mails_are_not_applied_once_more_to_a_checkout_that_has_them(clone):
    base = clone.platform.git('rev-parse', 'refs/mails/base')

    assert not clone.run('apply')

    assert clone.platform.git('rev-parse', 'refs/mails/base') == base
    assert clone.run('write')
