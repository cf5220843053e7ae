"""Commands in a process of their own (docs/python-and-command-line.rst)."""

import pytest


@pytest.mark.parametrize('command', ['retry 1', 'sweep'])
def test_a_command_says_in_a_sentence_that_the_database_is_away(telling, command):
    # In its first call the platform's own function would print a traceback, and raise an exception of its own.
    done = telling.flask('runs-api', *command.split(), database='mysql+pymysql://root:@127.0.0.1:1/nowhere')

    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1][:7]) == (3, '', 'Error: '), done.stderr
    assert 'Traceback' not in done.stderr


def test_a_retry_by_a_command_leaves_a_line_in_the_log_of_the_platform(story):
    run_id, log = story.push(story.tests(1)), story.platform.path / 'logs' / 'platform.log'
    # Runs of other databases may have the same ids.
    before = log.read_text()

    new_run_id = story.command('retry', str(run_id)).strip()

    written = log.read_text().removeprefix(before).splitlines()
    retried = f'run {run_id} is retried as run {new_run_id} with 1 test'
    # One word finds all lines of the package (docs/operations.rst).
    assert [line.startswith('[Platform.runs_api][INFO]') for line in written if retried in line] == [True]
