"""The platform still writes the messages that tell the cause of an end, word for word (docs/api.rst, "Causes")."""

import pytest

pytestmark = pytest.mark.platform

#: The messages that are compared whole, then those that are known by their beginning.
MESSAGES = {
    'mod_ci/controllers.py': (
        ['Could not complete test, time limit exceeded', 'Duplicate Entries', 'Not ran - no code changes',
         'Build succeeded but artifact not yet available - please retry', 'PR closed', 'PR is closed',
         'Tests canceled', 'Invalid PR number'],
        ['Cancelling tests as Github Action(s) failed', 'Build failed', 'No build', 'Artifact not found',
         'Artifact download ', 'Artifact download failed: HTTP ', 'VM creation failed', 'GCP ',
         'Required GCP resource', 'A VM with this name']),
    'mod_test/controllers.py': (['Canceled by user', 'Canceled by admin'], []),
    'mod_api/routes/runs.py': ([], ['Canceled by ', 'Canceled via ']),
    'install/ci-vm/ci-linux/ci/runCI': (['artifact', ''], []),
    'install/ci-vm/ci-windows/ci/runCI.bat': (['artifact', ''], []),
}


@pytest.mark.parametrize('path', MESSAGES)
def test_a_file_still_has_its_messages(unmounted, path):
    source, (whole, beginnings) = (unmounted.path / path).read_text(), MESSAGES[path]
    for message in whole:
        assert f"'{message}'" in source or f'"{message}"' in source, message
    for beginning in beginnings:
        assert f"'{beginning}" in source or f'"{beginning}' in source, beginning
    # Where a worker gives a test up after ten minutes.
    assert ' --timeout 600 ' in source or path.endswith('.py')
