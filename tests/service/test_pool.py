"""One connection at a time: what a full pool does to the package, whose host holds a connection in each request."""

from collections import Counter
from functools import partial

from .runs import read_runs
from .server import together

THREADS = 20
SERVER = {'workers': 1, 'threads': THREADS, 'SQLALCHEMY_ENGINE_OPTIONS': {'pool_size': 1, 'max_overflow': 0}}


def test_twenty_retries_at_once_are_accepted(alice, scenario):
    # With alice logged in as well, the host's session holds a connection in each request.
    cookie = alice.log_in('alice')

    answers = together([lambda: alice.retry(scenario.run_id, failed_only=True, cookie=cookie)] * THREADS)

    assert Counter(answer.status for answer in answers) == {202: THREADS}


def test_twenty_ends_of_failed_only_retries_at_once_are_whole(alice, scenario, database):
    run_ids = [alice.retry(scenario.run_id, failed_only=True).new_run_id for _ in range(THREADS)]

    answers = together([partial(alice.end, run_id) for run_id in run_ids])

    assert Counter(answer.status for answer in answers) == {204: THREADS}
    runs = read_runs(database)
    assert {runs[run_id].carried_over for run_id in run_ids} == {scenario.test_ids}
