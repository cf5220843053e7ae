"""A pull request with runs, and comments on it."""

from itertools import count

import pytest
import seed
from database import db
from mod_test.models import TestPlatform, TestType
from support.github import AUTHOR, COMMIT, PR, SETTINGS, comment_payload
from support.histories import end_only, finish, report

from mod_runs_api import retry_run
from mod_runs_api.github import retry_from_comment


@pytest.fixture
def app_settings(settings):
    """The settings of a platform whose repository is CCExtractor/ccextractor, and whose retries say that they wait."""
    return {**SETTINGS, 'RUNS_API_PENDING_STATUS': True, **settings}


@pytest.fixture
def writer(alice):
    """A contributor who is known on GitHub."""
    alice.github_login = 'alice-gh'
    return alice


@pytest.fixture
def tests(writer):
    """Two regression tests."""
    return seed.regression_tests(2)


@pytest.fixture
def github(github):
    """A GitHub with an open pull request, and with its builds."""
    github.open_pull(PR, COMMIT, AUTHOR)
    return github


@pytest.fixture
def while_github_is_asked(github, monkeypatch):
    """Have something happen once while GitHub is asked for the builds of a retry."""
    look = github.get_artifacts

    def let(happen):
        def look_later():
            monkeypatch.setattr(github, 'get_artifacts', look)
            happen()
            return look()

        monkeypatch.setattr(github, 'get_artifacts', look_later)

    return let


@pytest.fixture
def make_run(tests):
    """Add runs of the two tests, of which the first passed; by default completed ones, as the webhook makes them."""
    def make(platform=TestPlatform.linux, *, stages=seed.COMPLETED, commit=COMMIT, **configuration):
        run = seed.run(tests, stages=stages, platform=platform, commit=commit, **{
            'test_type': TestType.pull_request, 'branch': 'pull_request', 'pr_nr': PR, **configuration})
        if stages:
            seed.result(run, tests[0])
        db.session.commit()
        return run

    return make


@pytest.fixture
def linux(make_run):
    """The pull request's completed run on Linux."""
    return make_run()


@pytest.fixture
def incomplete(make_run, tests):
    """A green retry whose end was not noticed: a failure of another attempt is still to be carried over into it."""
    first = make_run(stages=()).id
    finish(first, tests, failed=tests[:1])
    finish(retry_run(first).new_run_id, tests, failed=tests[1:])
    retry_id = retry_run(first, failed_only=True).new_run_id
    report(retry_id, tests[:1])
    end_only(retry_id)
    return retry_id


@pytest.fixture
def windows(linux, make_run):
    """The pull request's completed run on Windows."""
    return make_run(TestPlatform.windows)


@pytest.fixture
def comment(writer, github):
    """Comment as alice: ``comment('/retry linux', {'issue.state': 'closed'})``. Each has an id of its own."""
    ids = count(100)

    def send(body='/retry', changes=None):
        db.session.commit()
        return retry_from_comment(comment_payload(body, {'comment.id': next(ids), **(changes or {})}))

    return send
