"""The platform still writes the messages that tell the cause of an end, word for word."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from checkout import Platform

from mod_runs_api import causes

pytestmark = pytest.mark.platform

CI = 'mod_ci/controllers.py'

#: The messages of workers are read from their scripts, those of the package from nothing.
WHOLE = {*causes.DECISIONS, causes.NOT_RAN, *causes.INFRASTRUCTURE_MESSAGES} - {
    '', causes.NO_BUILD_ON_MACHINE, causes.VANISHED}

BEGINNINGS = {*causes.BUILD_BEGINNINGS, *causes.INFRASTRUCTURE_BEGINNINGS, 'Canceled by user', 'Canceled by admin',
              'Canceled via '}


def tree(platform: Platform, path: str) -> ast.Module:
    """Return what a module of the platform's says."""
    return ast.parse((platform.path / path).read_text())


@pytest.fixture(scope='module')
def texts(unmounted: Platform) -> list[str]:
    """Return every text in what writes ends; of one with values in it the parts between them."""
    return [node.value for path in (CI, 'mod_test/controllers.py', 'mod_api/routes/runs.py')
            for node in ast.walk(tree(unmounted, path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def cloud_messages(platform: Platform) -> Iterator[str]:
    """Yield what the platform makes of each error of the cloud's that it knows."""
    assigned = {target.id: node.value for node in tree(platform, CI).body if isinstance(node, ast.Assign)
                for target in node.targets if isinstance(target, ast.Name)}
    table = assigned['GCP_ERROR_MESSAGES']
    assert isinstance(table, ast.Dict)
    for value in table.values:
        yield ast.literal_eval(assigned[value.id] if isinstance(value, ast.Name) else value)


@pytest.mark.parametrize('message', sorted(WHOLE))
def test_a_message_is_still_written(texts: list[str], message: str) -> None:
    assert message in texts


@pytest.mark.parametrize('beginning', sorted(BEGINNINGS))
def test_a_message_still_begins_so(texts: list[str], beginning: str) -> None:
    # A status follows what is in the text of the platform.
    assert any(text.startswith(beginning.removesuffix('4')) for text in texts)


def test_every_message_of_the_cloud_is_infrastructure(unmounted: Platform) -> None:
    known = set()
    for message in cloud_messages(unmounted):
        (beginning,) = (text for text in causes.INFRASTRUCTURE_BEGINNINGS if message.startswith(text))
        known.add(beginning)
    assert known == {'GCP ', 'Required GCP resource', 'A VM with this name'}


@pytest.mark.parametrize('path', ['install/ci-vm/ci-linux/ci/runCI', 'install/ci-vm/ci-windows/ci/runCI.bat'])
def test_a_worker_gives_up_with_these_words_and_a_test_after_ten_minutes(unmounted: Platform, path: str) -> None:
    script = (unmounted.path / path).read_text()

    assert f'haltAndCatchFire "{causes.NO_BUILD_ON_MACHINE}"' in script
    assert 'haltAndCatchFire ""' in script
    assert f' --timeout {causes.MAX_RUNTIME_OF_TEST // 1000} ' in script
