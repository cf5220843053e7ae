"""The arrows between the rooms of the package go one way: edges, service, database, domain."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import mod_runs_api

PACKAGE = Path(mod_runs_api.__file__).parent

#: The rooms and modules that each room may import, besides itself.
MAY_IMPORT = {
    'domain': {'errors', 'clock'},
    'host': {'domain', 'errors'},
    'database': {'domain', 'host', 'errors', 'clock'},
    'service': {'domain', 'database', 'host', 'errors', 'clock', 'extension', 'settings'},
    'api': {'domain', 'service', 'host', 'errors', 'extension', 'settings'},
    'web': {'domain', 'service', 'host', 'extension', 'version'},
    'github': {'domain', 'service', 'host', 'errors', 'extension', 'settings'},
}
#: Commands print the answers of the API.
EDGES_OF_COMMANDS = {'mod_runs_api.api.schemas'}

#: Imported only where they are used: the platform, and libraries that need not be there.
NEVER_AT_THE_TOP = {'run', 'database', 'github', 'mod_auth', 'mod_ci', 'mod_customized', 'mod_regression', 'mod_test',
                    'flask_wtf', 'redis', 'wtforms'}

PATHS = {'.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts).removesuffix('.__init__'): path
         for path in PACKAGE.rglob('*.py')}


def read_imports() -> dict[str, set[str]]:
    """Return the imports of each module of the package, by full names."""
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


def room(module: str) -> str:
    """Return the folder of a module, or its name if it stands beside the folders."""
    return module.removeprefix('mod_runs_api').lstrip('.').partition('.')[0]


def test_there_is_no_circle_and_at_most_ten_modules_stand_beside_the_rooms() -> None:
    assert list(TopologicalSorter(OWN).static_order())
    assert len(list(PACKAGE.glob('*.py'))) <= 10
    assert {path.name for path in PACKAGE.iterdir() if (path / '__init__.py').exists()} == set(MAY_IMPORT)


def test_each_room_imports_only_the_rooms_below_it() -> None:
    assert [(module, one) for module in OWN if room(module) in MAY_IMPORT for one in sorted(OWN[module])
            if room(one) not in MAY_IMPORT[room(module)] | {room(module)}] == []
    assert {one for one in OWN['mod_runs_api.cli'] if room(one) in ('api', 'github', 'database')} == EDGES_OF_COMMANDS


def test_the_domain_imports_no_library() -> None:
    own = set(IMPORTS) | {'mod_runs_api'}
    imported = {one.partition('.')[0] for module in IMPORTS if room(module) == 'domain'
                for one in IMPORTS[module] - own}

    assert imported <= {'collections', 'dataclasses', 'datetime', 'hashlib', 'hmac', 'itertools', 'json', 'secrets',
                        'types', 'typing'}


def test_no_module_imports_the_platform_or_an_optional_library_at_its_top() -> None:
    for name, path in PATHS.items():
        imported: set[str] = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module or '')
        assert {one.partition('.')[0] for one in imported} & NEVER_AT_THE_TOP == set(), name


def test_statements_stand_in_the_database_alone() -> None:
    for name, path in PATHS.items():
        names = {alias.name for node in ast.walk(ast.parse(path.read_text())) for alias in getattr(node, 'names', [])
                 if (getattr(node, 'module', None) or '').startswith('sqlalchemy')}
        assert room(name) == 'database' or not names & {'select', 'insert', 'delete', 'update', 'union', 'text'}, name
