"""Commands in a process of their own (docs/python-and-command-line.rst)."""

import pytest

from .checkout import Platform

pytestmark = pytest.mark.platform


@pytest.mark.parametrize('command', [
    'retry 1', 'retry 1 --dry-run', 'attempts 1', 'verdict 1', 'causes', 'carry-over', 'carry-over 1', 'sweep',
    'sweep --dry-run', 'flaky'])
def test_a_command_says_in_a_sentence_that_the_database_is_away(telling: Platform, command: str) -> None:
    # In its first call the platform's own function would print a traceback, and raise an exception of its own.
    done = telling.flask('runs-api', *command.split(), database='mysql+pymysql://root:@127.0.0.1:1/nowhere')

    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1][:7]) == (3, '', 'Error: '), done.stderr
    assert 'Traceback' not in done.stderr
