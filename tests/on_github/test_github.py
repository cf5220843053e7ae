"""GitHub as a value of the application's state (docs/how-it-works.rst, "Requests to GitHub")."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from application import create_app
from support.github import COMMIT, OLD_COMMIT

from mod_runs_api.domain.commit_status import CommitStatus
from mod_runs_api.extension import extension_state
from mod_runs_api.host.github import NoAnswer

STATUS = CommitStatus.queued(COMMIT, 'linux', 7)


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
def silent(github, monkeypatch):
    """What is sent to a GitHub that answers nothing."""
    sent = []

    def log_in(**options):
        sent.append(options)
        raise TimeoutError

    monkeypatch.setattr(sys.modules['github'], 'Github', log_in)
    return sent


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


@pytest.mark.parametrize('request_of', [
    lambda github, commit: github.read_pull_request(7, commit),
    lambda github, commit: github.has_build(SimpleNamespace(id=5, commit=commit)),
    lambda github, commit: github.is_posted(STATUS._replace(commit=commit)),
    lambda github, commit: github.post(STATUS._replace(commit=commit))])
def test_after_two_silences_about_two_commits_a_sweep_sends_no_request_of_any_kind(app, request_of, silent):
    github = extension_state().github

    for asked, requests in ((github.until_silent(), 3), (github, 5)):
        silent.clear()
        for commit in (COMMIT, COMMIT, OLD_COMMIT, OLD_COMMIT, COMMIT):
            with pytest.raises(NoAnswer):
                request_of(asked, commit)

        assert len(silent) == requests
