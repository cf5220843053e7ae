"""GitHub as a value of the application's state (docs/how-it-works.rst, "Requests to GitHub")."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from application import create_app
from flask import Flask
from support.github import COMMIT, PR
from werkzeug.routing import BuildError

from mod_runs_api.domain.commit_status import CommitStatus
from mod_runs_api.extension import extension_state
from mod_runs_api.platform.github import NoAnswer

STATUS = CommitStatus.queued(COMMIT, 'linux', 7)

#: Requests about the pull request, or its commit; each takes a suffix that makes it one about another.
ABOUT_PULL, ABOUT_BUILD, ABOUT_STATUS, POST = (
    lambda github, suffix='': github.read_pull_request(int(f'{PR}{suffix}')),
    lambda github, suffix='': github.has_build(SimpleNamespace(id=5, commit=COMMIT + suffix, platform='linux')),
    lambda github, suffix='': github.is_posted(STATUS._replace(commit=COMMIT + suffix)),
    lambda github, suffix='': github.post(STATUS._replace(commit=COMMIT + suffix)))


@pytest.fixture
def sent(monkeypatch):
    """What PyGithub sends: each request's token and address."""
    sent = []

    def log_in(*, auth, **options):
        return SimpleNamespace(requester=SimpleNamespace(
            requestJsonAndCheck=lambda verb, address, input: sent.append((auth, address))))

    pygithub = ModuleType('github')
    vars(pygithub).update(Auth=SimpleNamespace(Token=str), Github=log_in)
    monkeypatch.setitem(sys.modules, 'github', pygithub)
    return sent


@pytest.fixture
def line(github, monkeypatch):
    """How many requests reach GitHub, and whether it is silent."""
    line = SimpleNamespace(requests=0, is_silent=True)
    log_in = sys.modules['github'].Github

    def count(**options):
        line.requests += 1
        if line.is_silent:
            raise TimeoutError
        return log_in(**options)

    monkeypatch.setattr(sys.modules['github'], 'Github', count)
    return line


def post(app):
    """Post a status in an application."""
    with app.app_context():
        extension_state().github.post(STATUS)


def test_each_application_speaks_to_its_own_repository_with_the_token_of_that_moment(sent):
    one, other = (create_app('sqlite://', True, GITHUB_OWNER=name, GITHUB_REPOSITORY='ccextractor',
                             GITHUB_TOKEN=f'token of {name}') for name in ('one', 'other'))
    for app in (one, other):
        post(app)
    one.config['GITHUB_TOKEN'] = 'a newer token'
    post(one)

    assert sent == [(token, f'/repos/{owner}/ccextractor/statuses/{COMMIT}') for token, owner in (
        ('token of one', 'one'), ('token of other', 'other'), ('a newer token', 'one'))]


def test_no_representation_shows_a_secret(app):
    state = extension_state()

    assert 'ghp_secret' in app.config.values()
    assert 'secret' not in f'{state!r} {state.github!r}'


def test_a_page_that_the_platform_does_not_have_is_an_error_and_no_silence(app):
    github = extension_state().github

    with Flask('another').test_request_context(), pytest.raises(BuildError, match='test.by_id'):
        github.post(STATUS)


@pytest.mark.parametrize('send', [ABOUT_PULL, ABOUT_BUILD, ABOUT_STATUS, POST])
def test_after_silences_in_a_row_about_two_things_a_sweep_or_a_comment_sends_nothing(app, line, send):
    github = extension_state().github

    for used, requests in ((github.until_silent(), 2), (github, 3)):
        line.requests = 0
        for suffix in '123':
            with pytest.raises(NoAnswer):
                send(used, suffix)

        assert line.requests == requests


@pytest.mark.parametrize(('silent', 'again'), [
    (ABOUT_PULL, ABOUT_PULL), (ABOUT_BUILD, ABOUT_STATUS), (ABOUT_STATUS, ABOUT_BUILD), (POST, ABOUT_STATUS)])
def test_what_got_no_answer_is_asked_again_only_after_something_was_answered(app, line, silent, again):
    github = extension_state().github.until_silent()
    failures = []
    for send in (silent, again):
        with pytest.raises(NoAnswer) as raised:
            send(github)
        failures.append(str(raised.value))
    assert failures == [failures[0]] * 2
    assert line.requests == 1

    line.is_silent = False
    # A post asks nothing.
    POST(github)
    again(github)
    assert line.requests == 3
