"""The patches for the platform as mails, without the platform (docs/adopt.rst, "The commits")."""

import re
import subprocess

import pytest
from on_platform.documented import ROOT
from packaging.requirements import Requirement

PATCHES = ROOT / 'docs' / 'patches'
MAILS = sorted(PATCHES.glob('*.patch'))


def added(pattern):
    """Return what a pattern finds in the lines that the mails add."""
    lines = re.findall(r'^\+(?!\+\+ )(.*)$', ''.join(mail.read_text() for mail in MAILS), re.MULTILINE)
    return [match[0] for match in (re.search(pattern, line) for line in lines) if match]


@pytest.mark.parametrize('mail', sorted(PATCHES.rglob('*.patch')), ids=lambda mail: mail.name)
def test_git_reads_the_hunks_of_a_mail(mail):
    subprocess.run(['git', 'apply', '--numstat', mail], check=True)


def test_the_mails_are_at_most_eight_and_are_numbered_in_their_order():
    assert len(MAILS) <= 8
    assert [mail.name[:5] for mail in MAILS] == [f'{number:04}-' for number in range(1, len(MAILS) + 1)]


def test_the_package_comes_from_one_address_at_the_hash_of_a_commit():
    (line,) = added('^mod-runs-api.*')

    assert re.fullmatch(r'mod-runs-api @ git\+https://\S+@(HASH-OF-THE-COMMIT|[0-9a-f]{40})', line)


def test_the_pins_are_versions_that_the_package_allows():
    lines = [line for line in (ROOT / 'requirements.txt').read_text().splitlines() if not line.startswith('#')]
    allowed = {required.name.lower(): required.specifier for required in map(Requirement, lines)}

    pins = dict(pin.lower().split('==') for pin in added(r'^[\w-]+==.+'))

    assert {'authlib', 'flask-limiter', 'limits'} <= pins.keys()
    assert {name: pins[name] for name in pins.keys() & allowed if pins[name] not in allowed[name]} == {}
