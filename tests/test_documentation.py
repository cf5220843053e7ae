"""What README and docs say that can be checked without a platform. What they tell people to type: tests/on_platform."""

import re
from ast import literal_eval
from typing import TypeVar

from support.documents import ROOT, read_literals, read_table
from werkzeug.utils import import_string

import mod_runs_api
from mod_runs_api import MountError, Refusal, RunsApiError
from mod_runs_api.domain import causes
from mod_runs_api.settings import SETTINGS

PAGES = sorted([*ROOT.glob('*.rst'), *ROOT.glob('docs/*.rst')])


def test_every_link_to_a_file_leads_to_one() -> None:
    links = {(page, ''.join(link)) for page in PAGES
             for link in re.findall(r'<([\w./-]+\.rst)(?:#[\w-]+)?>`_|:: (\S+\.png)', page.read_text())}

    assert links
    assert [(page, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_every_path_that_is_named_is_there() -> None:
    paths = {(page, path) for page in PAGES
             for path in re.findall(r'``((?:tests|docs|mod_runs_api)/[\w./-]*)``', page.read_text())}

    assert paths
    assert [(page, path) for page, path in paths if not (ROOT / path).exists()] == []


def test_every_page_and_section_that_the_code_names_is_there() -> None:
    code = ''.join(path.read_text() for folder in ('mod_runs_api', 'tests') for path in (ROOT / folder).rglob('*.py'))
    named = set(re.findall(r'\b(docs/[\w-]+\.rst)(?:,\s+"([^"]+)")?', code))

    assert named
    assert [(page, section) for page, section in sorted(named) if not re.search(
        rf'^{" ".join(section.split())}\n[=~-]+$' if section else '', (ROOT / page).read_text(), re.MULTILINE)] == []


def test_every_patch_is_offered_with_the_command_that_applies_it() -> None:
    commands = re.findall(r'\$ git (?:am --keep-non-patch|apply) \S*/(docs/patches/[\w./-]+\.patch)$',
                          ''.join(page.read_text() for page in PAGES), re.MULTILINE)

    assert sorted(commands) == [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob('docs/patches/*.patch'))]


def test_the_settings_are_documented_with_their_defaults() -> None:
    documented = {}
    for row in read_table('docs/settings.rst', 'setting'):
        (name,), (default,) = read_literals(row['setting']), read_literals(row['default'])
        documented[name] = literal_eval(default)

    assert documented == {setting.name: setting.default for setting in SETTINGS.values()}


def test_the_checks_that_are_named_for_production_are_there() -> None:
    names = re.findall(r"'(mod_runs_api[.]github[.]\w+)'", (ROOT / 'docs/operations.rst').read_text())

    assert len(names) == 5 and all(callable(import_string(name)) for name in names)


T = TypeVar('T')


def subclasses(base: type[T]) -> set[type[T]]:
    """Return a class and all that are derived from it."""
    found = {base}
    for derived in base.__subclasses__():
        found |= subclasses(derived)
    return found


def test_the_errors_are_documented() -> None:
    documented = {(int(row['status']), *read_literals(row['code'])) for row in read_table('docs/api.rst', 'status')}

    assert documented == {(error.status, error.code) for error in subclasses(RunsApiError)}


def test_the_refusals_are_documented() -> None:
    documented = [read_literals(row['``details.refusal``'] + row['class'])
                  for row in read_table('docs/api.rst', '``details.refusal``')]

    assert sorted(documented) == sorted(
        [refusal.refusal, refusal.__name__] for refusal in subclasses(Refusal) - {Refusal})


def test_the_causes_are_documented_with_their_messages() -> None:
    rows = read_table('docs/api.rst', 'cause')
    documented = {cause: re.findall('"(.+?)"', row['the messages'])
                  for row in rows for cause in read_literals(row['cause'])}

    assert [*documented] == [*causes.CAUSES]
    # An empty message has no quotation marks.
    assert [message for message, (cause, _) in (*causes.MESSAGES.items(), *causes.BEGINNINGS.items())
            if message and message.strip() not in map(str.strip, documented[cause])] == []
    assert causes.TIME_LIMIT in documented['code']


def test_every_error_is_public_and_every_public_name_is_listed() -> None:
    of_http = {error for error in subclasses(RunsApiError) if error.__module__ == 'mod_runs_api.api.errors'}
    errors = {error.__name__ for error in {*subclasses(RunsApiError), MountError} - of_http}
    imported = {name for name, value in vars(mod_runs_api).items()
                if name[0] != '_' and getattr(value, '__module__', '').startswith('mod_runs_api.')}

    assert errors - imported == set()
    assert sorted({*imported, '__version__'}) == mod_runs_api.__all__
