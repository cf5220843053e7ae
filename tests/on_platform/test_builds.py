"""
The builds of a pull request in the real platform's webhook and job, with all patches.

See docs/github.rst, "A build that succeeds later".
"""

from secrets import token_hex

import pytest
from support.github import AUTHOR, MAX_DESCRIPTION_LENGTH, WORKFLOWS

from .protocol import Reported

#: The number of the pull request, its author and a maintainer on GitHub.
NUMBER, NEWCOMER, MAINTAINER = 77, 'octocat', 'adam-gh'
CONTEXTS = {'CI - linux', 'CI - windows'}


@pytest.fixture
def commit(story):
    """The commit of a newcomer's pull request, which has just been opened."""
    story.tests(3)
    return push(story, 'opened')


def push(story, action):
    """Open the pull request, or push another commit to it, and return the commit."""
    commit = token_hex(20)
    story.process.call('open_pull', number=NUMBER, commit=commit, author=AUTHOR, is_built=False)
    story.deliver('pull_request', {'action': action, 'sender': {'login': NEWCOMER}, 'pull_request': {
        'number': NUMBER, 'head': {'sha': commit}, 'user': {'id': AUTHOR}}})
    start_workflows(story, commit)
    for platform in WORKFLOWS:
        deliver(story, commit, platform, NEWCOMER, action='requested')
    return commit


def start_workflows(story, commit):
    """Have both workflows run, as they do once a maintainer has approved them, too."""
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion=None)


def end_workflow(story, commit, platform, conclusion, sender):
    """End a workflow, and deliver its event, which names a sender."""
    story.process.call('run_workflow', commit=commit, platform=platform, conclusion=conclusion)
    deliver(story, commit, platform, sender)


def deliver(story, commit, platform, sender, action='completed'):
    """Deliver the event that a workflow has ended, perhaps again, or that it was requested."""
    answer = story.deliver('workflow_run', {'action': action, 'sender': {'login': sender}, 'workflow_run': {
        'name': WORKFLOWS[platform], 'event': 'pull_request', 'head_sha': commit, 'head_branch': 'patch-1'}})
    assert (answer['status'], answer['body']) == (200, '{"msg": "EOL"}')


def end(story, commit, conclusion, sender):
    """End both workflows, and return the runs that were made, each with its platform."""
    before = runs_of(story, commit)
    for platform in WORKFLOWS:
        end_workflow(story, commit, platform, conclusion, sender)
    return {run_id: platform for run_id, platform in runs_of(story, commit).items() if run_id not in before}


def hold(story, commit):
    """Have GitHub hold the builds, as it does with a newcomer's."""
    assert end(story, commit, 'action_required', NEWCOMER) == {}


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


def assert_queued(story, commit, runs):
    """Check that the newest statuses of a commit say that some runs wait for a machine, with their pages."""
    newest = {status['context']: status for status in story.commit_statuses(commit)}
    assert {(context, status['state'], status['description'], status['target_url'].rpartition('/test/')[2])
            for context, status in newest.items()} == {
        (f'CI - {platform}', 'pending', 'Tests queued', str(run_id)) for run_id, platform in runs.items()}


def assert_run_and_pass(story, commit, runs):
    """Check that some runs start, and turn the commit green when they have passed."""
    for run_id in runs:
        story.complete(run_id)
        assert story.reported(run_id) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'success')


# A build that waits for an approval

def test_the_original_runs_start_after_the_approval_and_the_commit_was_never_red(story, commit):
    runs = runs_of(story, commit)
    hold(story, commit)
    story.run_scheduled_job()
    start_workflows(story, commit)
    story.run_scheduled_job()
    assert messages(story, commit) == []
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'pending')

    end_workflow(story, commit, 'linux', 'success', MAINTAINER)
    assert end(story, commit, 'success', MAINTAINER) == {}

    assert_queued(story, commit, runs)
    assert_run_and_pass(story, commit, runs)
    assert {status['state'] for status in story.commit_statuses(commit)} == {'pending', 'success'}


def test_a_build_that_was_approved_and_fails_turns_the_commit_red(story, commit):
    hold(story, commit)
    start_workflows(story, commit)

    end(story, commit, 'failure', MAINTAINER)

    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')


@pytest.mark.parametrize('failed', WORKFLOWS)
def test_a_failed_build_cancels_both_runs_although_the_other_one_is_held(story, commit, failed):
    hold(story, commit)

    end_workflow(story, commit, failed, 'failure', MAINTAINER)

    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')
    assert messages(story, commit) == ['Cancelling tests as Github Action(s) failed'] * 2


def test_the_job_ends_the_runs_of_a_held_commit_that_is_no_longer_the_newest(story, commit):
    hold(story, commit)
    newest = push(story, 'synchronize')
    hold(story, newest)

    story.run_scheduled_job()

    assert messages(story, newest) == []
    assert [message.partition(':')[0] for message in messages(story, commit)] == ['Build failed'] * 2
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'error')


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
    for platform in WORKFLOWS:
        deliver(story, commit, platform, NEWCOMER)

    assert runs_of(story, commit) == canceled | made
    assert sorted(made.values()) == ['linux', 'windows']
    for run_id in made:
        attempt = story.attempts(run_id)[1]
        assert (attempt['automatic'], attempt['reason'], attempt['status']) == (
            True, 'Automatic: the build has succeeded', 'queued')


def test_the_statuses_are_pending_from_the_build_until_the_new_runs_report(story, commit):
    end(story, commit, 'failure', NEWCOMER)

    made = end(story, commit, 'success', MAINTAINER)

    assert_queued(story, commit, made)
    assert_run_and_pass(story, commit, made)
    # A later delivery does not take a success back.
    posted = story.commit_statuses(commit)
    for platform in WORKFLOWS:
        deliver(story, commit, platform, MAINTAINER)
    assert story.commit_statuses(commit) == posted


def test_a_success_that_a_repeated_build_turned_red_is_posted_again_when_it_succeeds(story, commit):
    end(story, commit, 'success', NEWCOMER)
    for run_id in runs_of(story, commit):
        story.complete(run_id)

    # A maintainer repeats the builds, and GitHub fails.
    end(story, commit, 'failure', MAINTAINER)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')

    assert end(story, commit, 'success', MAINTAINER) == {}
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'success')


def test_the_platforms_job_may_cancel_the_runs_before_the_webhook(story, commit):
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion='failure')
    story.run_scheduled_job()
    assert [message.partition(':')[0] for message in messages(story, commit)] == ['Build failed'] * 2

    assert sorted(end(story, commit, 'success', MAINTAINER).values()) == ['linux', 'windows']
