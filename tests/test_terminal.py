"""What the commands print, and how (docs/python-and-command-line.rst)."""

import os
import sys
from io import BytesIO, TextIOWrapper
from operator import itemgetter
from typing import Any

import pytest

from mod_runs_api.terminal import escape, print_line, print_list

ITEMS: list[Any] = [{'id': 7, 'text': None}, {'id': 12, 'text': 'two\nlines'}]
COLUMNS = {'RUN': itemgetter('id'), 'A TEXT': itemgetter('text')}


def test_a_program_gets_the_columns_with_tabs_or_json_lines(capsys):
    print_list(ITEMS, COLUMNS)
    print_list(ITEMS, COLUMNS, as_json=True)
    print_list([], COLUMNS)

    assert capsys.readouterr().out == (
        '7\t-\n12\ttwo\\nlines\n{"id": 7, "text": null}\n{"id": 12, "text": "two\\nlines"}\n')


def test_a_person_gets_the_same_columns_as_a_table_and_a_sentence_for_an_empty_list(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)

    print_list(ITEMS, COLUMNS)
    print_list([], COLUMNS, empty='No run is here.')
    print_list([], COLUMNS, as_json=True)

    assert capsys.readouterr().out == 'RUN  A TEXT\n7    -\n12   two\\nlines\nNo run is here.\n'


def test_a_list_that_breaks_off_is_printed_as_far_as_it_goes_and_is_not_called_empty(capsys, monkeypatch):
    def items(number):
        yield from ITEMS[:number]
        raise ZeroDivisionError

    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    for number in (1, 0):
        with pytest.raises(ZeroDivisionError):
            print_list(items(number), COLUMNS)

    assert capsys.readouterr().out == 'RUN  A TEXT\n7    -\n'


# Text that people and the code under test write


def test_no_control_character_is_printed_and_no_other_one_is_changed():
    everything = ''.join(map(chr, range(0x20, 0x250)))
    controls = [*range(0x20), *range(0x7f, 0xa0), 0x61c, 0x200e, 0x200f, *range(0x2028, 0x202f), *range(0x2066, 0x206a)]

    assert [escape(chr(code)).isascii() and len(escape(chr(code))) > 1 for code in controls] == [True] * len(controls)
    assert escape('\x1b[2J\x9b31m\r\n\t\x85\u2028\u202egpj.exe') == (
        r'\x1b[2J\x9b31m\r\n\t\x85\u2028\u202egpj.exe')
    unchanged = [text for text in (*everything, '\U0001f469\u200d\U0001f4bb', 'исправление', 'עברית', 'e\u0301', '\\n')
                 if ord(text[0]) not in controls]
    assert [text for text in unchanged if escape(text) != text] == []


@pytest.mark.parametrize(('encoding', 'printed'), [
    ('utf-8', 'ветвь é \U0001f480\\ud800'), ('ascii', r'\u0432\u0435\u0442\u0432\u044c \xe9 \U0001f480\ud800'),
    ('cp1252', r'\u0432\u0435\u0442\u0432\u044c é \U0001f480\ud800')])
def test_characters_that_the_output_cannot_encode_are_escaped(monkeypatch, encoding, printed):
    output = BytesIO()
    monkeypatch.setattr(sys, 'stdout', TextIOWrapper(output, encoding))

    print_line('ветвь é \U0001f480\ud800')

    assert output.getvalue().decode(encoding) == f'{printed}\n'


# Lines that cannot be printed


def full_disk():
    """Return a file on a full disk."""
    return open('/dev/full', 'w')


def closed_pipe():
    """Return a pipe that is not read any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, 'w')


@pytest.mark.parametrize(('open_output', 'exit_code', 'message'), [
    (full_disk, 10, 'Error: The output cannot be written: No space left on device.\n'), (closed_pipe, 1, '')])
def test_all_steps_are_taken_before_the_output_fails(monkeypatch, capsys, open_output, exit_code, message):
    taken = []

    def take_steps():
        for item in ITEMS:
            yield item
            taken.append(item)

    for as_json in (False, True):
        taken.clear()
        with monkeypatch.context() as patch:
            output = open_output()
            patch.setattr(sys, 'stdout', output)
            with pytest.raises(SystemExit) as raised:
                print_list(take_steps(), COLUMNS, as_json=as_json)
        assert (raised.value.code, capsys.readouterr().err, taken) == (exit_code, message, ITEMS)
        # Python would try to write the rest when it ends.
        assert output.closed


def test_an_output_that_is_closed_gets_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stdout', None)
    print_list(ITEMS, COLUMNS)

    assert capsys.readouterr().err == ''


def test_an_error_that_cannot_be_printed_changes_nothing(monkeypatch):
    monkeypatch.setattr(sys, 'stderr', full_disk())
    print_line('Error: a message', is_error=True)

    assert sys.stderr.closed
