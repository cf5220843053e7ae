"""The tables in the docs, for the tests that compare them with the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

Row = dict[str, str]


def read_table(page: str, heading: str) -> list[Row]:
    """Return the rows of the table whose first column has a heading. A row has its cells by the headings."""
    lines = (ROOT / page).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(rf'{re.escape(heading)}(  |$)', line))
    border = lines[start - 1]
    assert re.fullmatch('[= ]+', border), f'{page} has no table with the heading {heading}'
    edges = [match.start() for match in re.finditer('=+', border)]
    headings, *rows = _join_lines(lines[start:], border, edges)
    return [dict(zip(headings, row)) for row in rows]


def _join_lines(lines: list[str], border: str, edges: list[int]) -> list[list[str]]:
    """Return the rows of cells up to the last border. A line without a first cell continues the row before."""
    rows: list[list[str]] = []
    borders = 0
    for line in lines:
        if line == border:
            borders += 1
            if borders == 2:
                break
            continue
        cells = [line[start:end].strip() for start, end in zip(edges, [*edges[1:], None])]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f'{before} {cell}'.strip() for before, cell in zip(rows[-1], cells)]
    return rows


def read_literals(cell: str) -> list[str]:
    """Return the literals in a cell."""
    return re.findall('``(.+?)``', cell)
