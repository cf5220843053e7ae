"""The patches of the console and of ``sp`` as mails (docs/console.rst and docs/sp.rst)."""

import re
import subprocess
from pathlib import Path

import pytest

#: By their folder: how their subjects begin, and the files that they may change.
KINDS = {'console': (r'\[(FEATURE|FIX|IMPROVEMENT)] \w', r'web/src/'),
         'sp': (r'(feat|fix)\(\w+\): \w', r'(sp_cli|tests)/|(README|AGENTS)\.md$')}
#: In the order in which they are applied.
MAILS = [mail for kind in KINDS for mail in sorted(Path(__file__).parents[1].glob(f'docs/patches/{kind}/*.patch'))]


def changed_files(mail):
    """Return the paths of the files that a patch adds or changes."""
    listed = subprocess.run(['git', 'apply', '--numstat', mail], check=True, capture_output=True, text=True)
    return {line.split('\t')[2] for line in listed.stdout.splitlines()}


@pytest.mark.parametrize('mail', MAILS, ids=lambda mail: mail.name)
def test_a_patch_is_a_whole_mail_with_a_subject_of_its_projects_kind(tmp_path, mail):
    subject, files = KINDS[mail.parent.name]
    # As `git am --keep-non-patch` reads it.
    read = subprocess.run(['git', 'mailinfo', '-b', tmp_path / 'message', tmp_path / 'patch'], input=mail.read_bytes(),
                          check=True, capture_output=True)
    assert re.search(rf'^Subject: {subject}', read.stdout.decode(), re.MULTILINE)
    assert (tmp_path / 'message').read_text().strip()

    paths = changed_files(mail)
    assert paths and all(re.match(files, path) for path in paths)


def test_none_is_missing():
    assert [f'{mail.parent.name}/{mail.name[:5]}' for mail in MAILS] == [
        'console/0001-', 'console/0002-', 'console/0003-', 'console/0004-', 'sp/0001-', 'sp/0002-',
        'sp/0003-', 'sp/0004-']


def test_no_two_modules_differ_in_upper_and_lower_case_only():
    # Modules are imported without their suffix, and macOS and Windows take Attempts.tsx for attempts.ts then.
    modules = {path.rpartition('.')[0] for mail in MAILS for path in changed_files(mail)}
    assert len({module.lower() for module in modules}) == len(modules)
