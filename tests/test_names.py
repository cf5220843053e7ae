"""Names that stand in the code and in the docs, or in two places of the code: whoever adds one forgets none of them."""

import ast
import fnmatch
import re
from dataclasses import fields, is_dataclass
from inspect import cleandoc, getdoc

import pytest
from support.documents import ROOT, read_literals, read_table
from support.entry_points import CALLS
from test_commands import OF_A_RUN, OF_MANY
from test_settings import WRONG_VALUES

import mod_runs_api
from mod_runs_api import MountError, Refusal, RunsApiError, cli, in_process
from mod_runs_api.api.errors import STATUSES
from mod_runs_api.api.routes import ROUTES
from mod_runs_api.api.schemas import RunAttemptSchema
from mod_runs_api.domain import causes
from mod_runs_api.domain.progress import TIME_LIMIT
from mod_runs_api.github import CommentOutcome
from mod_runs_api.service.validation import RetryRequestSchema
from mod_runs_api.settings import SETTINGS
from mod_runs_api.terminal import EXIT_CODES

COMMAND_LINE = (ROOT / 'docs/python-and-command-line.rst').read_text()


def subclasses(base):
    """Return a class and all that are derived from it."""
    found = {base}
    for derived in base.__subclasses__():
        found |= subclasses(derived)
    return found


# Routes and fields


def test_the_docs_list_the_routes_with_their_scopes_and_roles():
    documented = [(row['route'], read_literals(row['scope']), row['role'] == 'any')
                  for row in read_table('docs/api.rst', 'route')]

    assert sorted(documented) == sorted(
        (f'``{route.method} /api/v1{route.path.replace("<run_id>", "{run_id}")}``', [route.scope],
         not route.needs_retry_role) for route in ROUTES)


def test_the_docs_explain_each_field_of_the_body_of_a_retry():
    explained = re.findall(r'^``(\w+)`` : ', (ROOT / 'docs/api.rst').read_text(), re.MULTILINE)

    assert explained == [*RetryRequestSchema().fields]


def test_the_docs_explain_each_field_of_an_attempt():
    section = re.search(r'The fields of an\s+attempt:\n(.*?)\n~~~', (ROOT / 'docs/api.rst').read_text(), re.DOTALL)
    assert section
    terms = re.findall(r'^``\w+``(?:, ``\w+``)*$', section[1], re.MULTILINE)

    assert sorted(name for term in terms for name in read_literals(term)) == sorted(RunAttemptSchema().fields)


@pytest.mark.parametrize('result', [CommentOutcome, *filter(is_dataclass, vars(mod_runs_api).values())])
def test_the_docstring_of_a_public_result_has_its_fields(result):
    attributes = re.findall(r'^(\w+) : ', cleandoc(result.__doc__).partition('Attributes\n')[2], re.MULTILINE)

    assert sorted(attributes) == sorted(field.name for field in fields(result))


# Settings


def test_the_settings_are_documented_with_their_defaults():
    documented = {}
    for row in read_table('docs/settings.rst', 'setting'):
        (name,), (default,) = read_literals(row['setting']), read_literals(row['default'])
        documented[name] = ast.literal_eval(default)

    assert documented == {setting.name: setting.default for setting in SETTINGS.values()}


def test_wrong_values_of_each_setting_are_tested():
    assert {setting.name for setting in SETTINGS.values()} <= WRONG_VALUES.keys()


# The sweep


def find_reasons_to_wait():
    """Yield the reasons that the code of the domain has, with a star in the place of each value."""
    for module in ('commit_status', 'sweep'):
        for function in ast.walk(ast.parse((ROOT / f'mod_runs_api/domain/{module}.py').read_text())):
            if isinstance(function, ast.FunctionDef) and function.name in ('find_reason_to_wait', 'sentence'):
                for statement in ast.walk(function):
                    if isinstance(statement, ast.Return) and isinstance(statement.value, ast.JoinedStr):
                        yield ''.join(str(part.value) if isinstance(part, ast.Constant) else '*'
                                      for part in statement.value.values)


def test_the_reasons_of_the_sweep_to_wait_are_documented():
    documented = [row['printed'] for row in read_table('docs/operations.rst', 'printed')]
    reasons = [*find_reasons_to_wait()]

    assert reasons
    assert [reason for reason in reasons if not fnmatch.filter(documented, reason)] == []


# Errors, refusals and causes


def test_the_errors_are_documented():
    documented = {(int(row['status']), *read_literals(row['code'])) for row in read_table('docs/api.rst', 'status')}

    # Flask refuses another method.
    assert documented == {(405, 'method_not_allowed'), *(
        (status, error.code) for error, status in STATUSES.items())}
    assert {error.code for error in subclasses(RunsApiError)} == {error.code for error in STATUSES}


def test_the_refusals_are_documented():
    documented = [read_literals(row['``details.refusal``'] + row['class'])
                  for row in read_table('docs/api.rst', '``details.refusal``')]

    assert sorted(documented) == sorted(
        [refusal.refusal, refusal.__name__] for refusal in subclasses(Refusal) - {Refusal})


def test_retry_run_says_which_refusals_it_raises():
    names = re.search(r'^(\w+(?:, \w+)+)\n.*refused', getdoc(in_process.retry_run) or '', re.MULTILINE)
    assert names
    raises = re.findall(r'\w+', names[1])

    # Only sweeps are refused because the run has changed.
    assert {*raises, 'RunChanged'} == {refusal.__name__ for refusal in subclasses(Refusal) - {Refusal}}


def test_the_causes_are_documented_with_their_messages():
    rows = read_table('docs/api.rst', 'cause')
    documented: dict[str, list[str]] = {}
    for row in rows:
        (cause,) = read_literals(row['cause'])
        documented.setdefault(cause, []).extend(re.findall('"(.+?)"', row['the messages']))

    assert [*documented] == [*causes.CAUSES]
    # An empty message has no quotation marks.
    assert [message for message, (cause, _) in (*causes.MESSAGES.items(), *causes.PREFIXES.items())
            if message and message.strip() not in map(str.strip, documented[cause])] == []
    assert TIME_LIMIT in documented['code']


def test_every_error_is_public_and_every_public_name_is_listed():
    of_http = {error for error in subclasses(RunsApiError) if error.__module__ == 'mod_runs_api.api.errors'}
    errors = {error.__name__ for error in {*subclasses(RunsApiError), MountError} - of_http}
    imported = {name for name, value in vars(mod_runs_api).items()
                if name[0] != '_' and getattr(value, '__module__', '').startswith('mod_runs_api.')}

    assert errors - imported == set()
    assert sorted({*imported, '__version__'}) == mod_runs_api.__all__


# Commands


def test_every_command_is_tested_documented_and_among_the_ways_into_the_package():
    names = {str(command.name) for command in cli.COMMANDS}

    assert {name.split()[0] for name in (*OF_A_RUN, *OF_MANY)} == names
    assert {*re.findall(r'^    \$ flask --app run runs-api ([\w-]+)', COMMAND_LINE, re.MULTILINE)} == names
    assert {call.removeprefix('flask runs-api ') for call in CALLS if call.startswith('flask ')} == names


def test_the_examples_of_the_commands_have_their_columns():
    examples = dict(re.findall(r'^    \$ flask --app run runs-api ([\w-]+).*\n    ([A-Z]+  .+)$', COMMAND_LINE,
                               re.MULTILINE))

    assert {name: re.split('  +', headings) for name, headings in examples.items()} == {
        'carry-over': [*cli.CARRY_OVER_COLUMNS], 'flaky': [*cli.FLAKY_COLUMNS]}


def test_the_exit_codes_are_documented():
    documented = {int(row['code']): read_literals(row['meaning'])
                  for row in read_table('docs/python-and-command-line.rst', 'code')}

    # Python and click have three more.
    assert documented.keys() == {*EXIT_CODES.values(), 0, 1, 2}
    assert {word: code for code, words in documented.items() for word in words} == EXIT_CODES
