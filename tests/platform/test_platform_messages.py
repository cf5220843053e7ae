"""The platform still writes the messages that tell the cause of an end, word for word (docs/api.rst, "Causes")."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from checkout import Platform

pytestmark = pytest.mark.platform

CI, TEST, API = 'mod_ci/controllers.py', 'mod_test/controllers.py', 'mod_api/routes/runs.py'

#: By the function that writes them. Those with an ellipsis are known by their beginning, the others are compared whole.
MESSAGES = {
    (CI, 'delete_expired_instances'): ['Could not complete test, time limit exceeded'],
    (CI, 'progress_type_request'): ['Duplicate Entries'],
    (CI, 'start_ci'): ['Build succeeded but artifact not yet available - please retry', 'Not ran - no code changes',
                       'Tests canceled', 'Cancelling tests as Github Action(s) failed…'],
    (CI, 'blocked_users'): ['PR closed'],
    (CI, 'gcp_instance'): ['PR is closed', 'Invalid PR number'],
    (CI, '_diagnose_missing_artifact'): ['Build failed…', 'No build…', 'Artifact not found…'],
    (CI, 'start_test'): ['Artifact download …', 'Artifact download failed: HTTP …'],
    (CI, 'parse_gcp_error'): ['VM creation failed…'],
    (TEST, 'stop_test'): ['Canceled by user', 'Canceled by admin'],
    (API, 'cancel_run'): ['Canceled by …', 'Canceled via …'],
}

#: How the messages begin that it makes of the errors of the cloud's that it knows.
CLOUD = ('GCP ', 'Required GCP resource', 'A VM with this name')


def tree(platform: Platform, path: str) -> ast.Module:
    """Return what a module of the platform's says."""
    return ast.parse((platform.path / path).read_text())


@pytest.mark.parametrize(('path', 'function'), MESSAGES)
def test_a_function_still_writes_its_messages(unmounted: Platform, path: str, function: str) -> None:
    (found,) = (node for node in tree(unmounted, path).body
                if isinstance(node, ast.FunctionDef) and node.name == function)
    texts = [node.value for node in ast.walk(found) if isinstance(node, ast.Constant) and isinstance(node.value, str)]

    for message in MESSAGES[path, function]:
        beginning = message.rstrip('…')
        assert any(text.startswith(beginning) if beginning != message else text == message for text in texts), message


def cloud_messages(platform: Platform) -> Iterator[str]:
    """Yield what the platform makes of each error of the cloud's that it knows."""
    assigned = {target.id: node.value for node in tree(platform, CI).body if isinstance(node, ast.Assign)
                for target in node.targets if isinstance(target, ast.Name)}
    table = assigned['GCP_ERROR_MESSAGES']
    assert isinstance(table, ast.Dict)
    for value in table.values:
        yield ast.literal_eval(assigned[value.id] if isinstance(value, ast.Name) else value)


def test_every_message_of_the_cloud_begins_as_those_that_are_known(unmounted: Platform) -> None:
    messages = list(cloud_messages(unmounted))
    assert {beginning for beginning in CLOUD for message in messages if message.startswith(beginning)} == set(CLOUD)
    assert all(message.startswith(CLOUD) for message in messages)


@pytest.mark.parametrize('path', ['install/ci-vm/ci-linux/ci/runCI', 'install/ci-vm/ci-windows/ci/runCI.bat'])
def test_a_worker_gives_up_with_these_words_and_a_test_after_ten_minutes(unmounted: Platform, path: str) -> None:
    script = (unmounted.path / path).read_text()

    assert all(words in script for words in (
        'haltAndCatchFire "artifact"', 'haltAndCatchFire ""', ' --timeout 600 '))
