"""Reds whose reason is gone turn green, through the platform's own routes, workers and webhook."""

from .protocol import BOTH, CRASH, PASS, Reported, differs
from .test_sweep import let_pass, sweep

pytestmark = BOTH

#: The replies about a run in which nothing failed: its status is posted again, and it is not.
POSTED = '- The status of run {} is posted again: success. No test of it failed.'
NOTHING = '- linux: run {0} is not retried: `No test of run {0} failed: there is nothing to run again.'


def approve(story, run_id, test_id):
    """Approve what a run produced for the output of a test, by the platform's own route."""
    output = story.rows.one('regression_test_output', regression_id=test_id)
    answer = story.ask('POST', f'/runs/{run_id}/samples/1/baseline-approval', json_body={
        'regression_id': test_id, 'output_id': output['id']})
    assert answer['status'] == 'approved'


def states(story, runs):
    """Return the state of the commit of each run on GitHub."""
    return [story.commit_status(run_id)['state'] for run_id in runs]


def test_an_approved_output_turns_master_and_each_pull_request_green_with_the_test_alone(story):
    tests = story.tests(3)
    other = differs('a better output')
    runs = [story.complete(story.push(tests), {tests[0]: other})]
    runs += [story.complete(story.open_pull(tests), {tests[0]: other}) for _ in range(2)]
    let_pass(story)
    assert (sweep(story), states(story, runs)) == ([], ['failure'] * 3)

    approve(story, runs[0], tests[0])

    assert story.ask('GET', f'/runs/{runs[2]}/retry')['failed_only']['hint'] == (
        'This test has the result that is expected now: running it again will probably pass.')
    for expected in (runs[:2], runs[2:]):
        made = {run_id: new_run_id for run_id, what, new_run_id in sweep(story) if what == 'retried'}
        assert [*made] == expected
        for new_run_id in made.values():
            assert story.rows.selection(new_run_id) == tests[:1]
            story.complete(new_run_id, {tests[0]: PASS})
            assert story.reported(new_run_id) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)
    assert states(story, runs) == ['success'] * 3
    sentence = 'Over 2 attempts 1 test had another result approved in between.'
    assert [story.verdict(run_id)['meta']['sentence'] for run_id in runs] == [sentence] * 3
    let_pass(story)
    assert sweep(story) == []


def test_the_status_of_a_run_whose_variant_was_accepted_since_is_posted_by_a_comment(story):
    tests = story.tests(3)
    run_id = story.complete(story.open_pull(tests), {tests[0]: differs('a variant')})
    assert states(story, [run_id]) == ['failure']

    file = story.rows.one('test_result_file', test_id=run_id, regression_test_id=tests[0])
    story.rows.add('regression_test_output_files', regression_test_output_id=file['regression_test_output_id'],
                   file_hashes=file['got'])

    assert story.reported(run_id).status == 'pass'
    assert story.comment(run_id, '/retry linux failed') == [POSTED.format(run_id)]
    status = story.commit_status(run_id)
    assert (status['state'], status['description'], status['target_url']) == (
        'success', 'All tests passed', f'http://localhost/test/{run_id}')
    assert story.comment(run_id, '/retry linux failed') == [f'{NOTHING.format(run_id)}`']


def test_an_output_approved_while_another_run_is_running_leaves_no_flakiness_behind(story):
    tests = story.tests(3)
    other = differs('a better output')
    master = story.complete(story.push(tests), {tests[0]: other})
    pull = story.open_pull(tests)
    worker = story.worker(pull)
    worker.start()

    approve(story, master, tests[0])
    # The worker compares with the file that was expected when it started.
    worker.run_all({tests[0]: other})
    worker.end()

    file = story.rows.one('test_result_file', test_id=pull, regression_test_id=tests[0])
    assert file['expected'] == file['got']
    assert story.reported(pull).status == 'fail'
    let_pass(story)
    retry = {run_id: new_run_id for run_id, _, new_run_id in sweep(story)}[pull]
    story.complete(retry)
    assert story.reported(retry) == Reported('pass', tests=3, passed=3, failed=0, not_run=0)
    verdict = story.verdict(pull)
    assert verdict['meta']['sentence'] == 'Over 2 attempts 1 test had another result approved in between.'
    assert verdict['meta']['overall'] == 'pass'


def test_a_green_run_whose_status_github_did_not_take_gets_it_by_a_comment(story):
    run_id = story.open_pull(story.tests(3))
    worker = story.start(run_id)
    worker.run_all({})
    story.process.call('have_github_fail', questions=['status'], status=422)
    worker.end()
    story.process.call('have_github_fail')
    assert states(story, [run_id]) == ['pending']

    assert story.comment(run_id, '/retry linux failed') == [POSTED.format(run_id)]
    assert states(story, [run_id]) == ['success']


def test_no_success_is_posted_over_a_test_that_failed_in_another_run_of_the_commit(story):
    tests = story.tests(3)
    run_id = story.open_pull(tests)
    commit = story.run(run_id)['commit']
    by_hand = story.rows.run(tests[:1], stages=(), commit=commit, branch='by-hand', pr_nr=story.run(run_id)['pr_nr'])
    story.complete(run_id)
    story.complete(by_hand, {tests[0]: CRASH})
    assert states(story, [run_id]) == ['failure']

    assert story.comment(run_id, '/retry linux failed') == [
        f'{NOTHING.format(run_id)} Its status is not posted again: test {tests[0]} failed in run {by_hand} of the same '
        'commit. A maintainer may write "/retry".`']
    assert states(story, [run_id]) == ['failure']
