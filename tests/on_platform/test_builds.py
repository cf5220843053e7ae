"""
The builds of a pull request in the real platform's webhook and job, with all patches.

See docs/github.rst, "A build that succeeds later".
"""

from itertools import permutations
from secrets import token_hex

import pytest
from support.github import AUTHOR, MAX_DESCRIPTION_LENGTH, WORKFLOWS

from .protocol import Reported

#: The number of the pull request, its author and a maintainer on GitHub.
NUMBER, NEWCOMER, MAINTAINER = 77, 'octocat', 'adam-gh'
CONTEXTS = {'CI - linux', 'CI - windows'}

HELD, FAILED = 'action_required', 'failure'
#: What the statuses say.
APPROVE, REQUESTED = 'Waiting for the build, which a maintainer must approve', 'Waiting for actions to complete'


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
        deliver(story, commit, platform, NEWCOMER, action='requested', conclusion=None)
    return commit


def start_workflows(story, commit):
    """Have both workflows run, as they do once a maintainer has approved them, too."""
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion=None)


def end_workflow(story, commit, platform, conclusion, sender):
    """End a workflow, and deliver its event, which names a sender."""
    story.process.call('run_workflow', commit=commit, platform=platform, conclusion=conclusion)
    deliver(story, commit, platform, sender, conclusion=conclusion)


def deliver(story, commit, platform, sender, action='completed', conclusion='success'):
    """Deliver the event that a workflow has ended, perhaps again, or that it was requested."""
    answer = story.deliver('workflow_run', {'action': action, 'sender': {'login': sender}, 'workflow_run': {
        'name': WORKFLOWS[platform], 'event': 'pull_request', 'head_sha': commit, 'head_branch': 'patch-1',
        'conclusion': conclusion}})
    assert (answer['status'], answer['body']) == (200, '{"msg": "EOL"}')


def end(story, commit, conclusion, sender):
    """End both workflows, and return the runs that were made, each with its platform."""
    before = runs_of(story, commit)
    for platform in WORKFLOWS:
        end_workflow(story, commit, platform, conclusion, sender)
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

def test_the_original_runs_start_after_the_approval_and_the_commit_was_never_red(story, commit):
    runs = runs_of(story, commit)
    hold(story, commit)
    story.run_scheduled_job()
    start_workflows(story, commit)
    story.run_scheduled_job()
    assert messages(story, commit) == []
    assert_all(story, commit, runs, 'pending', APPROVE)

    end_workflow(story, commit, 'linux', 'success', MAINTAINER)
    assert end(story, commit, 'success', MAINTAINER) == {}

    assert_all(story, commit, runs, 'pending', 'Tests queued')
    assert_run_and_pass(story, commit, runs)
    assert {status['state'] for status in story.commit_statuses(commit)} == {'pending', 'success'}


@pytest.mark.parametrize('action', ['requested', 'completed'])
def test_an_event_of_a_build_is_about_its_own_platform(story, commit, action):
    runs = {platform: str(run_id) for run_id, platform in runs_of(story, commit).items()}
    waits = ('pending', REQUESTED, '')
    assert newest_statuses(story, commit) == {'linux': waits, 'windows': waits}

    story.process.call('run_workflow', commit=commit, platform='windows', conclusion=HELD)
    deliver(story, commit, 'windows', NEWCOMER, action, HELD)
    held = ('pending', APPROVE, runs['windows'])
    assert newest_statuses(story, commit) == {'linux': waits, 'windows': held}

    deliver(story, commit, 'linux', NEWCOMER, 'requested', None)
    assert newest_statuses(story, commit) == {'linux': waits, 'windows': held}


def test_both_runs_start_after_the_approval_of_the_one_build_that_was_held(story, commit):
    runs = runs_of(story, commit)
    end_workflow(story, commit, 'windows', 'success', NEWCOMER)
    end_workflow(story, commit, 'linux', HELD, NEWCOMER)
    assert {platform: description for platform, (_, description, _) in newest_statuses(story, commit).items()} == {
        'linux': APPROVE, 'windows': REQUESTED}

    end_workflow(story, commit, 'linux', 'success', MAINTAINER)

    assert_all(story, commit, runs, 'pending', 'Tests queued')
    assert_run_and_pass(story, commit, runs)


def test_a_held_build_of_a_reopened_pull_request_is_for_its_newest_run(story, commit):
    hold(story, commit)
    pull = {'number': NUMBER, 'head': {'sha': commit}, 'user': {'id': AUTHOR}}
    before = runs_of(story, commit)
    for action in ('closed', 'reopened'):
        story.deliver('pull_request', {'action': action, 'sender': {'login': NEWCOMER}, 'pull_request': pull})

    hold(story, commit)

    runs = {run_id: platform for run_id, platform in runs_of(story, commit).items() if run_id not in before}
    assert_all(story, commit, runs, 'pending', APPROVE)
    assert end(story, commit, 'success', MAINTAINER) == {}
    assert_all(story, commit, runs, 'pending', 'Tests queued')


def test_a_build_that_was_approved_and_fails_turns_the_commit_red(story, commit):
    hold(story, commit)
    start_workflows(story, commit)

    end(story, commit, 'failure', MAINTAINER)

    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')


#: The orders of the two events of the build that is held, 0, and the one that fails, 1.
ORDERS = sorted(set(permutations([0, 0, 1, 1])))


@pytest.mark.parametrize('order', ORDERS)
@pytest.mark.parametrize('builds', sorted(permutations(WORKFLOWS)))
def test_a_failed_build_cancels_both_runs_although_the_other_one_is_held(story, commit, builds, order):
    for position, build in enumerate(order):
        if build in order[:position]:
            end_workflow(story, commit, builds[build], (HELD, FAILED)[build], NEWCOMER)
        else:
            deliver(story, commit, builds[build], NEWCOMER, 'requested', (HELD, None)[build])

    assert_all(story, commit, runs_of(story, commit), 'failure', 'Cancelling tests as Github Action(s) failed')


def test_the_job_ends_the_runs_of_a_held_commit_that_is_no_longer_the_newest(story, commit):
    hold(story, commit)
    newest = push(story, 'synchronize')
    hold(story, newest)

    story.run_scheduled_job()

    assert messages(story, newest) == []
    assert_all(story, newest, runs_of(story, newest), 'pending', APPROVE)
    assert_all(story, commit, runs_of(story, commit), 'error', 'No build available: no maintainer approved it')


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

    assert_all(story, commit, made, 'pending', 'Tests queued')
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
