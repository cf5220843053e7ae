"""What every mail must be, whichever project it is for."""

import re
import subprocess
from typing import NamedTuple

from .documents import read_table


class Kind(NamedTuple):
    """What a project wants of its commits: patterns of their subjects, and of the files that they may change."""

    subject: str
    files: str


OF_THE_PLATFORM = Kind(r'\[(FEATURE|FIX|IMPROVEMENT)] [A-Z]', '')


def changed_files(mail):
    """Return the files that a mail adds or changes by their paths, each with the number of lines that it adds."""
    listed = subprocess.run(['git', 'apply', '--numstat', mail], check=True, capture_output=True, text=True)
    return {path: int(lines) for lines, _, path in (line.split('\t') for line in listed.stdout.splitlines())}


def check_mail(folder, mail, kind):
    """Check that a mail is whole and of its project's kind, read as `git am --keep-non-patch` reads it."""
    read = subprocess.run(['git', 'mailinfo', '-b', folder / 'message', folder / 'patch'], input=mail.read_bytes(),
                          check=True, capture_output=True)
    assert re.search(rf'^Subject: {kind.subject}', read.stdout.decode(), re.MULTILINE), read.stdout
    lines = (folder / 'message').read_text().splitlines()
    assert lines and max(map(len, lines)) <= 80, lines

    paths = changed_files(mail)
    assert paths and all(re.match(kind.files, path) for path in paths), paths


def expected_numbers(mails):
    """Return with what the names of some mails must begin."""
    return [f'{number:04}-' for number, _ in enumerate(mails, 1)]


def documented_lines(page, heading):
    """Return the mails that a table lists, each with the lines that it says."""
    return [(row[heading], row['lines']) for row in read_table(page, heading)]


def counted_lines(mails):
    """Return how some mails must be listed, each with the lines that it adds without its tests."""
    return [(f'``{mail.stem[5:]}``',
             str(sum(lines for path, lines in changed_files(mail).items() if not path.startswith('tests/'))))
            for mail in mails]
