"""The platform still writes the messages that tell the cause of an end, word for word, where causes.py says."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from checkout import Platform

from mod_runs_api import causes

pytestmark = pytest.mark.platform

CI, TEST, API = 'mod_ci/controllers.py', 'mod_test/controllers.py', 'mod_api/routes/runs.py'

#: The messages that are compared whole, each with where it is written.
WHOLE = [
    (causes.TIME_LIMIT, CI, 'delete_expired_instances'),
    (causes.OUT_OF_ORDER, CI, 'progress_type_request'),
    (causes.NOT_VISIBLE, CI, 'start_ci'),
    (causes.NOT_RAN, CI, 'start_ci'),
    ('PR closed', CI, 'blocked_users'),
    ('PR is closed', CI, 'gcp_instance'),
    ('Tests canceled', CI, 'start_ci'),
    ('Invalid PR number', CI, 'gcp_instance'),
    ('Canceled by user', TEST, 'stop_test'),
    ('Canceled by admin', TEST, 'stop_test'),
]

#: Those that are known by their beginning.
BEGINNINGS = [
    ('Canceled by ', API, 'cancel_run'),
    ('Canceled via ', API, 'cancel_run'),
    ('Build failed', CI, '_diagnose_missing_artifact'),
    ('No build', CI, '_diagnose_missing_artifact'),
    ('Artifact not found', CI, '_diagnose_missing_artifact'),
    # Followed by a status.
    ('Artifact download failed: HTTP ', CI, 'start_test'),
    ('Cancelling tests as Github Action(s) failed', CI, 'start_ci'),
    ('Artifact download ', CI, 'start_test'),
    ('VM creation failed', CI, 'parse_gcp_error'),
]


def tree(platform: Platform, path: str) -> ast.Module:
    """Return what a module of the platform's says."""
    return ast.parse((platform.path / path).read_text())


def texts(platform: Platform, path: str, function: str) -> list[str]:
    """Return every text in a function of the platform's; of one with values in it the parts between them."""
    (found,) = (node for node in tree(platform, path).body
                if isinstance(node, ast.FunctionDef) and node.name == function)
    return [node.value for node in ast.walk(found) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def cloud_messages(platform: Platform) -> Iterator[str]:
    """Yield what the platform makes of each error of the cloud's that it knows."""
    assigned = {target.id: node.value for node in tree(platform, CI).body if isinstance(node, ast.Assign)
                for target in node.targets if isinstance(target, ast.Name)}
    table = assigned['GCP_ERROR_MESSAGES']
    assert isinstance(table, ast.Dict)
    for value in table.values:
        yield ast.literal_eval(assigned[value.id] if isinstance(value, ast.Name) else value)


@pytest.mark.parametrize(('message', 'path', 'function'), WHOLE)
def test_a_message_is_still_written(unmounted: Platform, message: str, path: str, function: str) -> None:
    assert message in texts(unmounted, path, function)


@pytest.mark.parametrize(('beginning', 'path', 'function'), BEGINNINGS)
def test_a_message_still_begins_so(unmounted: Platform, beginning: str, path: str, function: str) -> None:
    assert any(text.startswith(beginning) for text in texts(unmounted, path, function))


def test_every_message_that_is_read_is_looked_for_here() -> None:
    assert causes.DECISIONS <= {message for message, _, _ in WHOLE}
    looked_for = {beginning for beginning, _, _ in BEGINNINGS}
    assert {beginning.rstrip('4') for beginning in causes.BUILD_BEGINNINGS} <= looked_for
    # The others are those of the cloud.
    assert len(set(causes.INFRASTRUCTURE_BEGINNINGS) - looked_for) == 3


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
