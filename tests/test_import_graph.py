"""The arrows between the packages of the package go one way: edges, service, database, domain."""

import ast
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import mod_runs_api

PACKAGE = Path(mod_runs_api.__file__).parent

#: The packages and modules that each package may import, besides itself.
MAY_IMPORT = {
    'domain': {'errors', 'clock'},
    'platform': {'domain', 'errors', 'log'},
    'database': {'domain', 'platform', 'errors', 'clock', 'log'},
    'service': {'domain', 'database', 'platform', 'errors', 'clock', 'extension', 'log', 'settings'},
    'api': {'domain', 'service', 'database.faults', 'platform', 'errors', 'extension', 'settings'},
    'web': {'domain', 'service', 'platform', 'extension', 'log'},
    'github': {'domain', 'service', 'platform', 'errors', 'extension', 'log', 'settings'},
}
#: The modules of the standard library that the domain may import. None of them does input or output.
OF_THE_DOMAIN = {'collections', 'dataclasses', 'datetime', 'functools', 'hashlib', 'hmac', 'itertools', 'json', 're',
                 'secrets', 'types', 'typing'}
#: Commands print the answers of the API, and turn the faults of the database into exit codes.
EDGES_OF_COMMANDS = {'mod_runs_api.api.schemas', 'mod_runs_api.database.faults'}

#: The modules of the platform. The package accesses them through ``platform``, and its models through one module of it.
PLATFORM = {'run', 'database', 'mod_api', 'mod_auth', 'mod_ci', 'mod_customized', 'mod_regression', 'mod_test'}
#: Imported only where they are used: libraries that need not be there, and modules that import the package themselves.
NEVER_AT_THE_TOP = {'run', 'mod_ci.controllers', 'github', 'flask_wtf', 'redis', 'wtforms'}

PATHS = {'.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts).removesuffix('.__init__'): path
         for path in PACKAGE.rglob('*.py')}
TREES = {name: ast.parse(path.read_text()) for name, path in PATHS.items()}


def imports(module, nodes):
    """Return what is imported by those of some nodes of a module that do so, by full names."""
    package = module if PATHS[module].name == '__init__.py' else module.rpartition('.')[0]
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            place = resolve_name('.' * node.level + (node.module or ''), package)
            found |= {f'{place}.{alias.name}' for alias in node.names}
    return found


IMPORTS = {module: imports(module, ast.walk(tree)) for module, tree in TREES.items()}
# "from . import clock" imports a module, "from .clock import now" a function of it.
OWN = {module: {one if one in PATHS else one.rpartition('.')[0] for one in imported} & PATHS.keys()
       for module, imported in IMPORTS.items()}


def package_of(module):
    """Return the folder of a module, or its name if it stands beside the folders."""
    return module.removeprefix('mod_runs_api').lstrip('.').partition('.')[0]


def test_there_is_no_circle():
    assert list(TopologicalSorter(OWN).static_order())
    assert {path.name for path in PACKAGE.iterdir() if (path / '__init__.py').exists()} == set(MAY_IMPORT)


def test_each_package_imports_only_the_packages_below_it():
    assert [(module, one) for module in OWN if package_of(module) in MAY_IMPORT for one in sorted(OWN[module])
            if not {package_of(one), one.removeprefix('mod_runs_api.')} & {
                *MAY_IMPORT[package_of(module)], package_of(module)}] == []
    of_commands = {one for one in OWN['mod_runs_api.cli'] if package_of(one) in ('api', 'github', 'database')}
    assert of_commands == EDGES_OF_COMMANDS


def test_the_domain_imports_no_library():
    imported = {one.partition('.')[0] for module in IMPORTS if package_of(module) == 'domain'
                for one in IMPORTS[module]}

    assert imported - {'mod_runs_api', *OF_THE_DOMAIN} == set(), (
        'The domain imports no library. If a module of the standard library does no input or output, add it to '
        'OF_THE_DOMAIN in this file.')


def test_no_module_imports_an_optional_library_at_its_top_or_what_imports_the_package():
    for module, tree in TREES.items():
        imported = {place for one in imports(module, tree.body) for place in (one, one.rpartition('.')[0])}
        assert imported & NEVER_AT_THE_TOP == set(), module


def test_only_one_package_imports_the_platform_and_one_module_of_it_the_models():
    of_the_platform = {module: {one for one in imported if one.partition('.')[0] in PLATFORM}
                       for module, imported in IMPORTS.items()}

    assert {module for module, imported in of_the_platform.items() if imported} == {
        f'mod_runs_api.platform.{name}' for name in ('github', 'models', 'runtime')}
    assert {module for module, imported in of_the_platform.items() if '.models.' in ' '.join(imported)} == {
        'mod_runs_api.platform.models'}


def test_statements_stand_in_the_database_alone():
    statements = {f'sqlalchemy.{name}' for name in ('select', 'insert', 'delete', 'update', 'union', 'text')}
    assert {package_of(module) for module, imported in IMPORTS.items() if imported & statements} == {'database'}
