"""The arrows between the modules go one way: outer layers, service, domain, database, the host's models."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import mod_runs_api

PACKAGE = Path(mod_runs_api.__file__).parent

#: What each layer may import besides itself and those below it. Every module belongs to one of them.
DOMAIN = {'attempts', 'carry_over', 'causes', 'clock', 'database', 'errors', 'preview', 'retry', 'settings',
          'summary', 'sweep', 'tokens', 'validation', 'verdict', 'version'}
SERVICE = {'ended_runs', 'extension', 'faults', 'host', 'service', 'signals', 'sweeper', 'transactions'}
OUTER = {'api', 'cli', 'github', 'web'}
TOP = {'', 'blueprint'}

#: The outer modules that another outer module may import: commands print what the API answers, and its document, and
#: ask the checks before a sweep.
MAY_MEET = {'mod_runs_api.cli': {'mod_runs_api.api.schemas', 'mod_runs_api.api.openapi', 'mod_runs_api.github.checks'}}

FRAMEWORKS = {'flask', 'werkzeug', 'flask_limiter', 'flask_wtf', 'authlib', 'click', 'blinker'}


#: What is imported only where it is used: the platform, and libraries that need not be there.
NEVER_AT_THE_TOP = {'run', 'database', 'github', 'mod_auth', 'mod_ci', 'mod_customized', 'mod_regression', 'mod_test',
                    'flask_wtf', 'markdown_it', 'redis'}

PATHS = {'.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts).removesuffix('.__init__'): path
         for path in PACKAGE.rglob('*.py')}


def read_imports() -> dict[str, set[str]]:
    """Return what each module of the package imports, by full names."""
    imports: dict[str, set[str]] = {}
    for name, path in PATHS.items():
        found: set[str] = set()
        package = name.split('.') if path.name == '__init__.py' else name.split('.')[:-1]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = package[:len(package) - node.level + 1] if node.level else []
                module = '.'.join([*start, *([node.module] if node.module else [])])
                # "from . import clock" imports a module, "from .clock import now" a function of it.
                found.update(f'{module}.{alias.name}' if f'{module}.{alias.name}' in PATHS else module
                             for alias in node.names)
        imports[name] = found
    return imports


IMPORTS = read_imports()
OWN = {name: imported & set(IMPORTS) for name, imported in IMPORTS.items()}
LIBRARIES = {name: {one.partition('.')[0] for one in imported - set(IMPORTS)} for name, imported in IMPORTS.items()}


def room(module: str) -> str:
    """Return the first part of a module's name within the package; '' for the package itself."""
    return module.removeprefix('mod_runs_api').lstrip('.').partition('.')[0]


def modules_in(layer: set[str]) -> list[str]:
    """Return the modules of a layer."""
    return sorted(name for name in IMPORTS if room(name) in layer)


def reachable(module: str) -> set[str]:
    """Return a module and all that it imports, directly or not."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(OWN[name])
    return seen


def test_every_module_belongs_to_a_layer_and_there_is_no_circle() -> None:
    assert {room(module) for module in IMPORTS} == DOMAIN | SERVICE | OUTER | TOP
    assert list(TopologicalSorter(OWN).static_order())


def test_the_domain_imports_the_models_of_the_host_and_neither_an_outer_layer_nor_a_web_framework() -> None:
    assert [(module, one) for module in modules_in(DOMAIN) for one in OWN[module]
            if room(one) not in DOMAIN and one != 'mod_runs_api.host.models'] == []
    assert [(module, one) for module in modules_in(DOMAIN) for one in reachable(module)
            if LIBRARIES[one] & FRAMEWORKS] == []


def test_the_models_of_the_host_import_nothing_of_the_package_but_the_errors() -> None:
    assert OWN['mod_runs_api.host.models'] == {'mod_runs_api.errors'}


def test_the_service_and_the_host_import_no_outer_layer() -> None:
    assert [(module, one) for module in modules_in(SERVICE) for one in OWN[module] if room(one) in OUTER | TOP] == []


def test_an_outer_layer_imports_no_other_outer_layer_and_not_the_top() -> None:
    assert [(module, one) for module in modules_in(OUTER) for one in OWN[module] - MAY_MEET.get(module, set())
            if room(one) in OUTER | TOP and room(one) != room(module)] == []


def test_no_module_imports_the_platform_or_an_optional_library_at_its_top() -> None:
    for name, path in PATHS.items():
        imported = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module or '')
        assert {one.partition('.')[0] for one in imported} & NEVER_AT_THE_TOP == set(), name


def test_sql_stands_in_the_rooms_for_it_alone() -> None:
    speakers = {name for name, libraries in LIBRARIES.items() if 'sqlalchemy' in libraries}

    assert {room(name) for name in speakers} <= {'database', 'host', 'ended_runs', 'faults', 'service', 'transactions'}
    statements = {'select', 'insert', 'delete', 'update', 'union'}
    for name in speakers:
        if room(name) != 'database':
            tree = ast.parse(PATHS[name].read_text())
            imported = {alias.name for node in ast.walk(tree) for alias in getattr(node, 'names', [])
                        if getattr(node, 'module', None) == 'sqlalchemy'}
            assert imported & statements == set(), name
