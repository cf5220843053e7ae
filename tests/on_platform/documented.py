"""What README and docs tell people to type, for the tests that do it."""

import re
from textwrap import dedent

from support.documents import ROOT


def literal_block(page, start):
    """Return the literal block of a page whose first line begins with some text."""
    found = re.findall(rf'^    {re.escape(start)}.*\n(?:(?:    .*)?\n)*', (ROOT / page).read_text(), re.MULTILINE)
    assert len(found) == 1, f'{page} has {len(found)} blocks that begin with {start}'
    return dedent(found[0]).rstrip('\n') + '\n'


def command(page, start):
    """Return the command of a page that begins with some text."""
    found, = set(re.findall(rf'^ +\$ ({re.escape(start)}.*)$', (ROOT / page).read_text(), re.MULTILINE))
    return found


def section(page, title):
    """Return a section of a page, or the whole page if the title is its own."""
    ((_, found),) = re.findall(rf'(?ms)^{re.escape(title)}\n([=-])\1+\n(.*?)(?=^[^\n]+\n\1+\n|\Z)',
                               (ROOT / page).read_text())
    return found


def commands(page, title):
    """Return the commands of a section, in their order."""
    return re.findall(r'(?m)^ +\$ ((?:.*\\\n)*.*)$', section(page, title))
