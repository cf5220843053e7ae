"""What the platform does today with builds that wait or failed (docs/github.rst, "Builds that wait or failed")."""

from secrets import token_hex

import pytest
from support.github import AUTHOR, PUSHER, WORKFLOWS

from .protocol import Reported

#: The number of the pull request, and the login of a maintainer, who approves or repeats its builds.
NUMBER, MAINTAINER = 77, 'adam-gh'
CONTEXTS = {'CI - linux', 'CI - windows'}


def open_pull(story):
    """Open a pull request whose builds have not ended, deliver the event, and return its runs by their ids."""
    commit = token_hex(20)
    story.process.call('open_pull', number=NUMBER, commit=commit, author=AUTHOR, is_built=False)
    answer = story.deliver('pull_request', {'action': 'opened', 'sender': {'login': PUSHER}, 'pull_request': {
        'number': NUMBER, 'head': {'sha': commit}, 'user': {'id': AUTHOR}}})
    assert answer['status'] == 200
    return commit, [row['id'] for row in story.rows.of('test', commit=commit)]


def newest_statuses(story, commit):
    """Return the newest status of each context: its state and description."""
    return {status['context']: (status['state'], status['description']) for status in story.commit_statuses(commit)}


@pytest.mark.parametrize(('sender', 'status'), [
    (PUSHER, ('failure', 'Cancelling tests as Github Action(s) failed')),
    (MAINTAINER, ('success', 'Not ran - no code changes'))])
@pytest.mark.parametrize('conclusion', ['action_required', 'failure'])
def test_no_run_starts_after_a_build_was_approved_or_repeated_until_somebody_retries(story, conclusion, sender, status):
    story.tests(3)
    commit, runs = open_pull(story)
    assert len(runs) == 2
    for platform in WORKFLOWS:
        story.end_build(commit, platform, conclusion, PUSHER)
    assert newest_statuses(story, commit) == dict.fromkeys(CONTEXTS, (
        'failure', 'Cancelling tests as Github Action(s) failed'))

    for platform in WORKFLOWS:
        story.end_build(commit, platform, 'success', sender)
    story.run_scheduled_job()

    assert [story.worker(run_id).is_running for run_id in runs] == [False, False]
    assert newest_statuses(story, commit) == dict.fromkeys(CONTEXTS, status)

    reply, = story.comment(runs[0], '/retry failed', login=PUSHER, account=AUTHOR)

    retries = [attempt['run_id'] for run_id in runs for attempt in story.attempts(run_id)[1:]]
    assert len(retries) == 2 and all(f'/test/{run_id}' in reply for run_id in retries)
    for run_id in retries:
        story.complete(run_id)
        assert story.reported(run_id) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)
    assert newest_statuses(story, commit) == dict.fromkeys(CONTEXTS, ('success', 'All tests passed'))


def test_the_job_cancels_the_runs_of_a_build_that_waits_for_an_approval(story):
    story.tests(3)
    commit, runs = open_pull(story)
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion='action_required')

    story.run_scheduled_job()

    for run_id in runs:
        (message,) = story.worker(run_id).ends
        assert message.startswith('Build failed: ') and "'action_required'" in message
    assert {state for state, _ in newest_statuses(story, commit).values()} == {'error'}
