"""
The builds of a pull request in the real platform's webhook and job, with all mails.

See contrib/README.rst, "The runs of a newcomer" and "A build that failed and is repeated".
"""

from secrets import token_hex

import pytest
from on_platform.protocol import Reported
from support.github import AUTHOR, MAX_DESCRIPTION_LENGTH, WORKFLOWS

#: The number of the pull request, its author and a maintainer on GitHub.
NUMBER, NEWCOMER, MAINTAINER = 77, 'octocat', 'adam-gh'
CONTEXTS = {'CI - linux', 'CI - windows'}

HELD = 'action_required'
#: What the statuses say.
APPROVE, REQUESTED = 'Waiting for the build, which a maintainer must approve', 'Waiting for actions to complete'


@pytest.fixture
def commit(story):
    """The commit of a newcomer's pull request, which has just been opened."""
    story.tests(3)
    return push(story, 'opened')


def push(story, action):
    """Open the pull request, or push another commit to it, deliver the events, and return the commit."""
    commit = set_head(story)
    change_pull(story, commit, action)
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion=None)
        story.deliver_build(commit, platform, NEWCOMER, action='requested', conclusion=None)
    return commit


def set_head(story):
    """Give the pull request a new commit without a build, and return the commit."""
    commit = token_hex(20)
    story.process.call('open_pull', number=NUMBER, commit=commit, author=AUTHOR, is_built=False)
    return commit


def change_pull(story, commit, action):
    """Deliver the event that the pull request with a commit was changed."""
    answer = story.deliver('pull_request', {'action': action, 'sender': {'login': NEWCOMER}, 'pull_request': {
        'number': NUMBER, 'head': {'sha': commit}, 'user': {'id': AUTHOR}}})
    assert answer['status'] == 200


def approve(story, commit):
    """Have both workflows start because a maintainer has approved them."""
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion=None)
        story.deliver_build(commit, platform, MAINTAINER, action='in_progress', conclusion=None)


def end(story, commit, conclusion, sender):
    """End both workflows, and return the runs that were made, each with its platform."""
    before = runs_of(story, commit)
    for platform in WORKFLOWS:
        story.end_build(commit, platform, conclusion, sender)
    return {run_id: platform for run_id, platform in runs_of(story, commit).items() if run_id not in before}


def hold(story, commit):
    """Have GitHub hold the builds, as it does with a newcomer's."""
    assert end(story, commit, HELD, NEWCOMER) == {}


def runs_of(story, commit):
    """Return the runs of a commit, each with its platform."""
    return {row['id']: row['platform'] for row in story.rows.of('test', commit=commit)}


def messages(story, commit):
    """Return the messages of the progress of all runs of a commit."""
    return [row['message'] for run_id in runs_of(story, commit)
            for row in story.rows.of('test_progress', test_id=run_id)]


def states(story, commit):
    """Return the newest state of each context of a commit."""
    return {status['context']: status['state'] for status in story.commit_statuses(commit)}


def newest_statuses(story, commit):
    """Return the newest status of each platform: its state, its description and the run that its link leads to."""
    return {status['context'].removeprefix('CI - '): (
        status['state'], status['description'], status.get('target_url', '').rpartition('/test/')[2])
        for status in story.commit_statuses(commit)}


def assert_all(story, commit, runs, state, description):
    """Check that the newest statuses of a commit say the same of some runs, with their pages."""
    assert newest_statuses(story, commit) == {
        platform: (state, description, str(run_id)) for run_id, platform in runs.items()}


def assert_run_and_pass(story, commit, runs):
    """Check that some runs start, and turn the commit green when they have passed."""
    for run_id in runs:
        story.complete(run_id)
        assert story.reported(run_id) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'success')


# A build that waits for an approval

@pytest.mark.parametrize('order', [1, -1])
def test_the_original_runs_start_after_the_approval_and_the_commit_was_never_red(story, order):
    story.tests(3)
    commit = set_head(story)
    events = [lambda: change_pull(story, commit, 'opened'), lambda: hold(story, commit)]
    for deliver_events in events[::order]:
        deliver_events()
    runs = runs_of(story, commit)
    assert len(runs) == 2
    story.run_scheduled_job()
    assert messages(story, commit) == []
    assert_all(story, commit, runs, 'pending', APPROVE)
    for run_id in runs:
        assert 'Your test waits for its build, or for a machine.' in story.page(run_id)

    approve(story, commit)
    story.run_scheduled_job()
    assert newest_statuses(story, commit) == dict.fromkeys(WORKFLOWS, ('pending', REQUESTED, ''))

    story.end_build(commit, 'linux', 'success', MAINTAINER)
    assert end(story, commit, 'success', MAINTAINER) == {}

    assert_all(story, commit, runs, 'pending', 'Tests queued')
    assert_run_and_pass(story, commit, runs)
    assert {status['state'] for status in story.commit_statuses(commit)} == {'pending', 'success'}


def test_a_queued_retry_keeps_its_status_when_the_approved_build_starts(story, commit):
    hold(story, commit)
    linux = next(run_id for run_id, platform in runs_of(story, commit).items() if platform == 'linux')
    retry = story.retry(linux, failed_only=False)

    approve(story, commit)

    assert newest_statuses(story, commit) == {
        'linux': ('pending', 'Tests queued', str(retry)), 'windows': ('pending', REQUESTED, '')}


def test_a_held_build_of_a_reopened_pull_request_is_for_its_newest_run(story, commit):
    hold(story, commit)
    before = runs_of(story, commit)
    for action in ('closed', 'reopened'):
        change_pull(story, commit, action)

    hold(story, commit)

    runs = {run_id: platform for run_id, platform in runs_of(story, commit).items() if run_id not in before}
    assert_all(story, commit, runs, 'pending', APPROVE)
    assert end(story, commit, 'success', MAINTAINER) == {}
    assert_all(story, commit, runs, 'pending', 'Tests queued')


def test_the_job_ends_the_runs_of_a_held_commit_that_is_no_longer_the_newest(story, commit):
    hold(story, commit)
    newest = push(story, 'synchronize')
    hold(story, newest)

    story.run_scheduled_job()

    assert messages(story, newest) == []
    assert_all(story, newest, runs_of(story, newest), 'pending', APPROVE)
    runs = runs_of(story, commit)
    assert_all(story, commit, runs, 'error', 'No build available: no maintainer approved it')
    assert {attempt['cause'] for run_id in runs for attempt in story.attempts(run_id)} == {'build'}


def test_runs_whose_builds_waited_for_too_long_are_errors_although_the_reason_is_long(story, commit):
    hold(story, commit)
    story.process.call('delete_workflow_runs', commit=commit)

    story.run_scheduled_job()

    assert [len(message) > MAX_DESCRIPTION_LENGTH for message in messages(story, commit)] == [True, True]
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'error')


# A build that failed and is repeated

def test_the_tests_run_once_a_build_that_failed_was_repeated_with_success(story, commit):
    end(story, commit, 'failure', NEWCOMER)
    canceled = runs_of(story, commit)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')

    made = end(story, commit, 'success', MAINTAINER)

    assert sorted(made.values()) == ['linux', 'windows']
    assert_all(story, commit, made, 'pending', 'Tests queued')
    for run_id in made:
        attempt = story.attempts(run_id)[1]
        assert (attempt['automatic'], attempt['reason'], attempt['status']) == (
            True, 'Automatic: the build has succeeded', 'queued')
    assert_run_and_pass(story, commit, made)
    # A later delivery makes no run, and does not take a success back.
    posted = story.commit_statuses(commit)
    for platform in WORKFLOWS:
        story.deliver_build(commit, platform, NEWCOMER)
    assert story.commit_statuses(commit) == posted
    assert runs_of(story, commit) == canceled | made


def test_the_platforms_job_may_cancel_the_runs_before_the_webhook(story, commit):
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion='failure')
    story.run_scheduled_job()
    assert [message.partition(':')[0] for message in messages(story, commit)] == ['Build failed'] * 2

    assert sorted(end(story, commit, 'success', MAINTAINER).values()) == ['linux', 'windows']
