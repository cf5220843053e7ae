"""The mails for the platform's client, without the client (docs/console-and-client.rst, "The client sp")."""

import pytest
from support.documents import ROOT
from support.mails import Kind, check_mail, expected_numbers

MAILS = sorted(ROOT.glob('patches/sp/*.patch'))


@pytest.mark.parametrize('mail', MAILS, ids=lambda mail: mail.stem)
def test_a_patch_is_a_whole_mail_of_the_clients_kind(tmp_path, mail):
    check_mail(tmp_path, mail, Kind(r'(feat|fix)\(\w+\): \w', r'(sp_cli|tests)/|(README|AGENTS)\.md$'))


def test_the_mails_are_numbered_in_their_order():
    assert [mail.name[:5] for mail in MAILS] == expected_numbers(MAILS)
