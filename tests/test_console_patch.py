"""The patch of the console, and the files of docs/console that it adds (docs/console.rst)."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[1] / 'docs'

#: Where the patch puts the files.
FOLDER = 'web/src/retry/'


def added_files(patch: str) -> dict[str, str]:
    """Return the contents of the files that a patch adds, by their paths."""
    files: dict[str, str] = {}
    for part in patch.split('diff --git ')[1:]:
        head, _, body = part.partition('+++ b/')
        if 'new file mode' in head:
            path, _, lines = body.partition('\n')
            files[path] = ''.join(line[1:] for line in lines.splitlines(keepends=True) if line.startswith('+'))
    return files


def test_the_patch_adds_the_files_of_docs_console() -> None:
    assert added_files((DOCS / 'patches' / 'console.patch').read_text()) == {
        FOLDER + file.name: file.read_text() for file in (DOCS / 'console').iterdir()}
