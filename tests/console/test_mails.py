"""The mails for the platform's console, without the console (docs/console-and-client.rst, "The console")."""

import pytest
from support.documents import ROOT
from support.mails import Kind, check_mail, expected_numbers

MAILS = sorted(ROOT.glob('patches/console/*.patch'))


@pytest.mark.parametrize('mail', MAILS, ids=lambda mail: mail.stem)
def test_a_patch_is_a_whole_mail_of_the_consoles_kind(tmp_path, mail):
    check_mail(tmp_path, mail, Kind(r'\[(FEATURE|FIX|IMPROVEMENT)] \w', r'web/src/'))


def test_the_mails_are_numbered_in_their_order():
    assert [mail.name[:5] for mail in MAILS] == expected_numbers(MAILS)
