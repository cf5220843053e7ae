"""The platform still writes the messages that tell the cause of an end, word for word (docs/api.rst, "Causes")."""

import pytest

from mod_runs_api.domain.causes import MESSAGES, PREFIXES
from mod_runs_api.domain.progress import LOST_MACHINE

FILES = ('mod_ci/controllers.py', 'mod_test/controllers.py', 'mod_api/routes/runs.py')
WORKERS = ('install/ci-vm/ci-linux/ci/runCI', 'install/ci-vm/ci-windows/ci/runCI.bat')


@pytest.fixture(scope='module')
def source(unmounted):
    """The text of the files that write messages, with one kind of quotation marks."""
    return ''.join((unmounted.path / path).read_text() for path in (*FILES, *WORKERS)).replace('"', "'")


@pytest.mark.parametrize('message', sorted(MESSAGES.keys() - {LOST_MACHINE}))
def test_a_message_is_written(source, message):
    assert f"'{message}'" in source


def test_the_message_of_a_lost_machine_is_written_with_the_fix(telling):
    assert f'"{LOST_MACHINE}"' in (telling.path / 'mod_ci/controllers.py').read_text()


# The number after "HTTP" is that of the answer.
@pytest.mark.parametrize('beginning', sorted({beginning.rstrip('0123456789') for beginning in PREFIXES} - {''}))
def test_a_message_has_a_beginning(source, beginning):
    assert f"'{beginning}" in source


@pytest.mark.parametrize('path', WORKERS)
def test_a_worker_gives_a_test_up_after_ten_minutes(unmounted, path):
    assert ' --timeout 600 ' in (unmounted.path / path).read_text()
