"""Retries from code of the platform's own process (docs/python-and-command-line.rst)."""

from __future__ import annotations

import pytest
from checkout import Platform
from protocol import Story

pytestmark = pytest.mark.platform

#: Every command that asks the database, with what it needs.
COMMANDS = ['retry 1', 'retry 1 --dry-run', 'attempts 1', 'verdict 1', 'causes', 'carry-over', 'carry-over 1', 'sweep',
            'sweep --dry-run']


@pytest.mark.parametrize('kept', [True, False])
def test_what_the_caller_has_pending_is_neither_committed_nor_lost(story: Story, kept: bool) -> None:
    run_id = story.push(story.tests(1))

    changes_elsewhere, runs_afterwards = story.process.call('retry_amid_changes', run_id=run_id, kept=kept)

    assert (changes_elsewhere, runs_afterwards) == (0, 1)
    assert len(story.rows.of('general_data', key='change')) == kept


@pytest.mark.parametrize('command', COMMANDS)
def test_a_command_says_in_a_sentence_that_the_database_is_away(telling: Platform, command: str) -> None:
    # In its first call the platform's own function prints a traceback, and raises an exception of its own.
    done = telling.flask('runs-api', *command.split(), database='mysql+pymysql://root:@127.0.0.1:1/nowhere')

    assert done.returncode == 3, done.stderr
    assert (done.stdout, done.stderr.splitlines()[-1][:7]) == ('', 'Error: ')
