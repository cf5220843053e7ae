"""The tables in the docs, for the tests that compare them with the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: README, the pages beside it, and docs.
PAGES = sorted([*ROOT.glob('*.rst'), *ROOT.glob('docs/*.rst')])


def read_table(page, heading):
    """Return the rows of the first table of a page whose first column has a heading."""
    for headings, *rows in _read_tables((ROOT / page).read_text()):
        if headings[0] == heading:
            return [dict(zip(headings, row)) for row in rows]
    raise AssertionError(f'{page} has no table with the heading {heading}')


def _read_tables(text):
    """Yield the simple tables of a text: the headings, and the rows. A row without a first cell continues another."""
    for border, head, body in re.findall(r'^(=+(?: +=+)+)\n((?!=).+\n)\1\n((?:.+\n)+?)\1$', text, re.MULTILINE):
        starts = [match.start() for match in re.finditer('=+', border)]
        table: list[list[str]] = []
        for line in (head + body).splitlines():
            cells = [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None])]
            if cells[0]:
                table.append(cells)
            else:
                table[-1] = [f'{before} {cell}'.strip() for before, cell in zip(table[-1], cells)]
        yield table


def read_literals(cell):
    """Return the literals in a cell."""
    return re.findall('``(.+?)``', cell)
