"""The patches of the console as mails (docs/console.rst)."""

import re
import subprocess
from pathlib import Path

import pytest

#: In the order in which they are applied.
MAILS = sorted(Path(__file__).parents[1].glob('docs/patches/console/*.patch'))


def changed_files(mail: Path) -> set[str]:
    """Return the paths of the files that a patch adds or changes."""
    listed = subprocess.run(['git', 'apply', '--numstat', mail], check=True, capture_output=True, text=True)
    return {line.split('\t')[2] for line in listed.stdout.splitlines()}


@pytest.mark.parametrize('mail', MAILS, ids=lambda mail: mail.name)
def test_a_patch_is_a_whole_mail_with_a_subject_of_the_platforms_kind(tmp_path: Path, mail: Path) -> None:
    # As `git am --keep-non-patch` reads it.
    read = subprocess.run(['git', 'mailinfo', '-b', tmp_path / 'message', tmp_path / 'patch'], input=mail.read_bytes(),
                          check=True, capture_output=True)
    assert re.search(r'^Subject: \[(FEATURE|FIX|IMPROVEMENT)] \w', read.stdout.decode(), re.MULTILINE)
    assert (tmp_path / 'message').read_text().strip()

    paths = changed_files(mail)
    assert paths and all(path.startswith('web/src/') for path in paths)


def test_there_are_four() -> None:
    assert [mail.name[:5] for mail in MAILS] == ['0001-', '0002-', '0003-', '0004-']


def test_no_two_modules_differ_in_upper_and_lower_case_only() -> None:
    # Modules are imported without their suffix, and macOS and Windows take Attempts.tsx for attempts.ts then.
    modules = {path.rpartition('.')[0] for mail in MAILS for path in changed_files(mail)}
    assert len({module.lower() for module in modules}) == len(modules)
