"""
The builds of a newcomer's pull request, in the real platform's webhook with the patches ``builds`` and ``after-build``.

See docs/github.rst, "A build that succeeds later".
"""

from secrets import token_hex

import pytest
from support.github import AUTHOR, WORKFLOWS

from .protocol import Reported

#: The number of the pull request, its author and a maintainer on GitHub.
NUMBER, NEWCOMER, MAINTAINER = 77, 'octocat', 'adam-gh'
CONTEXTS = {'CI - linux', 'CI - windows'}


@pytest.fixture
def commit(story):
    """The commit of a newcomer's pull request, which has just been opened. GitHub holds its builds."""
    commit = token_hex(20)
    story.tests(3)
    story.process.call('open_pull', number=NUMBER, commit=commit, author=AUTHOR, is_built=False)
    story.deliver('pull_request', {'action': 'opened', 'sender': {'login': NEWCOMER}, 'pull_request': {
        'number': NUMBER, 'head': {'sha': commit}, 'user': {'id': AUTHOR}}})
    return commit


def end_workflow(story, commit, platform, conclusion, sender):
    """End a workflow, and deliver its event, which names a sender."""
    story.process.call('run_workflow', commit=commit, platform=platform, conclusion=conclusion)
    deliver(story, commit, platform, sender)


def deliver(story, commit, platform, sender):
    """Deliver the event that a workflow has ended, perhaps again."""
    answer = story.deliver('workflow_run', {'action': 'completed', 'sender': {'login': sender}, 'workflow_run': {
        'name': WORKFLOWS[platform], 'event': 'pull_request', 'head_sha': commit, 'head_branch': 'patch-1'}})
    assert (answer['status'], answer['body']) == (200, '{"msg": "EOL"}')


def hold(story, commit):
    """Have GitHub hold the builds, as it does with a newcomer's."""
    for platform in WORKFLOWS:
        end_workflow(story, commit, platform, 'action_required', NEWCOMER)


def runs_of(story, commit):
    """Return the runs of a commit, each with its platform."""
    return {row['id']: row['platform'] for row in story.rows.of('test', commit=commit)}


def states(story, commit):
    """Return the newest state of each context of a commit."""
    return {status['context']: status['state'] for status in story.commit_statuses(commit)}


def succeed(story, commit, sender):
    """End both workflows with success, and return the runs that were made, each with its platform."""
    before = runs_of(story, commit)
    for platform in WORKFLOWS:
        end_workflow(story, commit, platform, 'success', sender)
    return {run_id: platform for run_id, platform in runs_of(story, commit).items() if run_id not in before}


def test_the_tests_of_a_newcomer_run_once_a_maintainer_has_approved_the_builds(story, commit):
    hold(story, commit)
    held = runs_of(story, commit)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')

    # The maintainer approves.
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion=None)
    end_workflow(story, commit, 'linux', 'success', MAINTAINER)
    assert runs_of(story, commit) == held
    made = succeed(story, commit, MAINTAINER)
    for platform in WORKFLOWS:
        deliver(story, commit, platform, NEWCOMER)

    assert runs_of(story, commit) == held | made
    assert sorted(made.values()) == ['linux', 'windows']
    for run_id in made:
        attempt = story.attempts(run_id)[1]
        assert (attempt['automatic'], attempt['reason'], attempt['status']) == (
            True, 'Automatic: the build has succeeded', 'queued')


def test_the_statuses_are_pending_from_the_build_until_the_new_runs_report(story, commit):
    hold(story, commit)
    made = succeed(story, commit, MAINTAINER)

    newest = {status['context']: status for status in story.commit_statuses(commit)}
    assert {(context, status['state'], status['description'], status['target_url'].rpartition('/test/')[2])
            for context, status in newest.items()} == {
        (f'CI - {platform}', 'pending', 'Tests queued', str(run_id)) for run_id, platform in made.items()}

    for run_id in made:
        story.complete(run_id)
        assert story.reported(run_id) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'success')
    # A later delivery does not take a success back.
    posted = story.commit_statuses(commit)
    for platform in WORKFLOWS:
        deliver(story, commit, platform, MAINTAINER)
    assert story.commit_statuses(commit) == posted


def test_a_success_that_a_repeated_build_turned_red_is_posted_again_when_it_succeeds(story, commit):
    hold(story, commit)
    made = succeed(story, commit, MAINTAINER)
    for run_id in made:
        story.complete(run_id)

    # A maintainer repeats the builds, and GitHub fails.
    for platform in WORKFLOWS:
        end_workflow(story, commit, platform, 'failure', MAINTAINER)
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'failure')

    assert succeed(story, commit, MAINTAINER) == {}
    assert states(story, commit) == dict.fromkeys(CONTEXTS, 'success')


def test_the_platforms_job_may_cancel_the_runs_before_the_webhook(story, commit):
    for platform in WORKFLOWS:
        story.process.call('run_workflow', commit=commit, platform=platform, conclusion='action_required')
    story.run_scheduled_job()
    held = runs_of(story, commit)
    assert {row['message'][:12] for run_id in held for row in story.rows.of('test_progress', test_id=run_id)} == {
        'Build failed'}

    for platform in WORKFLOWS:
        end_workflow(story, commit, platform, 'success', MAINTAINER)

    assert len(runs_of(story, commit)) == 2 * len(held)
