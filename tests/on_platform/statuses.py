"""The statuses that GitHub shows beside a commit, as the stories about them write them down."""

QUEUED, STARTING, RUNNING = ('pending', 'Tests queued'), ('pending', 'preparation'), ('pending', 'testing')
WAITING = [('pending', 'Waiting for actions to complete', None)]
GREEN, MASTER_GREEN = ('success', 'All tests passed'), ('success', 'Tests completed')
RED = ('failure', 'Not all tests completed successfully, please check')
CANCELED = ('error', 'Canceled')


def statuses(story, run_id):
    """Return the statuses of a run's commit on its platform, the oldest first: state, description and linked run."""
    run = story.run(run_id)
    return [(status['state'], status['description'], linked_run(status))
            for status in story.commit_statuses(run['commit']) if status['context'] == f'CI - {run["platform"]}']


def news(story, run_id, before):
    """Return the statuses of a run's commit that were posted since."""
    assert statuses(story, run_id)[:len(before)] == before
    return statuses(story, run_id)[len(before):]


def linked_run(status):
    """Return the run that a status leads to, if it leads anywhere."""
    return int(status['target_url'].rpartition('/test/')[2]) if 'target_url' in status else None
