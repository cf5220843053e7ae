"""The mails that no retry needs, without the projects that they are for (contrib/README.rst)."""

import pytest
from support.documents import ROOT
from support.mails import OF_THE_PLATFORM, Kind, check_mail, counted_lines, documented_lines, expected_numbers

#: The kinds of the mails, by their folders.
KINDS = {'platform': OF_THE_PLATFORM,
         'console': Kind(r'\[(FEATURE|FIX|IMPROVEMENT)] \w', r'web/src/'),
         'sp': Kind(r'(feat|fix)\(\w+\): \w', r'(sp_cli|tests)/|(README|AGENTS)\.md$')}
MAILS = {folder: sorted(ROOT.glob(f'contrib/{folder}/*.patch')) for folder in KINDS}


@pytest.mark.parametrize('mail', sum(MAILS.values(), []), ids=lambda mail: f'{mail.parent.name}/{mail.name}')
def test_a_patch_is_a_whole_mail_with_a_subject_of_its_projects_kind(tmp_path, mail):
    check_mail(tmp_path, mail, KINDS[mail.parent.name])


@pytest.mark.parametrize('folder', KINDS)
def test_the_mails_are_numbered_in_their_order(folder):
    assert MAILS[folder]
    assert [mail.name[:5] for mail in MAILS[folder]] == expected_numbers(MAILS[folder])


def test_the_readme_says_how_many_lines_of_code_a_commit_adds():
    assert documented_lines('contrib/README.rst', '``contrib/platform/``') == counted_lines(MAILS['platform'])
