"""
A GitHub for the tests: the platform and the package speak to it, and it remembers what it was asked and told.

The real platform and the miniature are tested before the same one. In the miniature it also stands in for PyGithub,
which is not there: see :meth:`GitHub.standing_in`.
"""

import re
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import reduce
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

BOT = 'ccextractor-bot'

#: Commits are older than the hours for which the platform waits for a build.
COMMITTED = datetime.now(timezone.utc) - timedelta(days=2)

#: The settings of a platform whose repository this is.
SETTINGS = {
    'GITHUB_OWNER': 'CCExtractor', 'GITHUB_REPOSITORY': 'ccextractor', 'GITHUB_TOKEN': 'ghp_secret'}

#: Who pushes every commit of a pull request.
PUSHER = 'octocat'

#: The workflows that build a commit, by the platform.
WORKFLOWS = {'linux': 'Build CCExtractor on Linux', 'windows': 'Build CCExtractor on Windows'}

#: How long the description of a status may be, in characters.
MAX_DESCRIPTION_LENGTH = 140

#: A pull request, its head, other commits, and the accounts of the one who comments and of its author.
PR, COMMIT = 1342, '5f2a9c0e7d41b8836a1c4e90d2b7f3586ce1a904'
OLD_COMMIT, NEW_COMMIT = '0' * 40, 'f' * 40
ALICE, AUTHOR = 583231, 21031067


def comment_payload(body='/retry', changes=None):
    """Return a new comment on the pull request, as GitHub reports it, with changes such as ``{'issue.number': 5}``."""
    payload = {
        'action': 'created',
        'repository': {'full_name': 'CCExtractor/ccextractor'},
        'issue': {'number': PR, 'state': 'open', 'pull_request': {'merged_at': None},
                  'user': {'login': 'someone', 'id': AUTHOR, 'type': 'User'}},
        'comment': {'id': 99262140, 'body': body, 'performed_via_github_app': None,
                    'user': {'login': 'Alice-GH', 'id': ALICE, 'type': 'User'}}}
    for path, value in (changes or {}).items():
        *above, name = path.split('.')
        place: dict[str, Any] = reduce(dict.__getitem__, above, payload)
        place[name] = value
    return payload


class GitHubError(Exception):
    """GitHub answers with an error, as PyGithub's exceptions say it."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class RateLimitExceededException(GitHubError):
    """GitHub answers no request for a while: 403 or 429."""


@dataclass(frozen=True)
class Build:
    """The artifact with the build of a commit for a platform."""

    commit: str
    platform: str
    #: GitHub lists an artifact for a while after it is gone.
    expired: bool | None = False


class GitHub:
    """The one repository: its master, pull requests, comments and builds, and the statuses of the commits."""

    #: Where its requests go.
    url = '/repos/{GITHUB_OWNER}/{GITHUB_REPOSITORY}'.format(**SETTINGS)

    def __init__(self):
        self.clear()

    def clear(self):
        """Forget everything."""
        self.master: list[str] = []
        #: In the order in which they are listed.
        self.builds: list[Build] = []
        #: By commit and platform how the newest run of the workflow has ended; None if it has not.
        self.workflow_runs: dict[str, dict[str, str | None]] = {}
        self.pulls: dict[int, Any] = {}
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        #: The questions, in their order: 'repository', 'pull request 5', 'artifacts'.
        self.asked: list[str] = []
        #: By the question the exception that is its answer; 'artifact 2' for the second of the list, 'status'.
        self.faults: dict[str, Exception] = {}
        #: What happens while the next question for the statuses of a commit is answered.
        self.meanwhile: list[Callable[[], None]] = []

    # What a test has happen

    def build(self, commit, platforms=('linux', 'windows'), expired=False):
        """Add the builds of a commit."""
        self.builds += [Build(commit, platform, expired) for platform in platforms]

    def lose_build(self, commit):
        """Forget the builds of a commit."""
        self.builds = [build for build in self.builds if build.commit != commit]

    def push(self, commit):
        """Put a commit on master, and build it."""
        self.master.insert(0, commit)
        self.build(commit)

    def run_workflow(self, commit, platform, conclusion):
        """Have the workflow of a pull request's commit end, or run again; a success is a build."""
        self.workflow_runs.setdefault(commit, {})[platform] = conclusion
        if conclusion == 'success':
            self.build(commit, [platform])

    def open_pull(self, number, commit, author, is_built=True):
        """Open a pull request of one commit, cut from the tip of master, and build it."""
        if is_built:
            self.build(commit)
        self.pulls[number] = SimpleNamespace(
            number=number, state='open', mergeable=True, user=SimpleNamespace(id=author),
            head=SimpleNamespace(sha=commit), base=SimpleNamespace(sha=self.master[0] if self.master else '0' * 40),
            get_issue_comments=lambda: self._standing(number),
            create_issue_comment=lambda body: self._comment(number, body))

    def close_pull(self, number):
        """Close a pull request, without an event."""
        self.pulls[number].state = 'closed'

    def comments_on(self, number):
        """Return the comments on a pull request, deleted ones too."""
        return [comment for comment in self.comments if comment['pull'] == number]

    def commit_statuses(self, commit):
        """Return the statuses of a commit, the oldest first."""
        return [status for status in self.statuses if status['commit'] == commit]

    def _standing(self, number):
        return [SimpleNamespace(body=comment['body'], user=SimpleNamespace(login=BOT),
                                delete=lambda comment=comment: comment.update(deleted=True))
                for comment in self.comments_on(number) if not comment['deleted']]

    def _comment(self, number, body):
        self.comments.append({'pull': number, 'body': body, 'deleted': False})
        return SimpleNamespace(id=len(self.comments))

    # PyGithub, as far as the platform and the package use it

    def _ask(self, question):
        self.asked.append(question)
        self._answer(question)

    def _answer(self, question):
        if question in self.faults:
            raise self.faults[question]

    def get_user(self):
        """Return the account that the platform comments with."""
        return SimpleNamespace(login=BOT)

    def get_repo(self, name):
        """Return the only repository."""
        self._ask('repository')
        return self

    def get_pull(self, number):
        """Return a pull request."""
        self._ask(f'pull request {number}')
        return self.pulls[number]

    def get_artifacts(self):
        """Return the builds, by pages that are fetched on the way."""
        names = import_module('mod_ci.controllers').Artifact_names
        self._ask('artifacts')

        def listed():
            for number, build in enumerate(self.builds, 1):
                self._answer(f'artifact {number}')
                yield SimpleNamespace(
                    name=getattr(names, build.platform), id=number, expired=build.expired,
                    workflow_run=SimpleNamespace(head_sha=build.commit),
                    archive_download_url='https://api.github.com/artifact')

        return listed()

    def get_commit(self, sha):
        """Return a commit, pushed or not."""
        parents = self.master[self.master.index(sha) + 1:][:1] if sha in self.master else []

        def create_status(**status):
            # What PyGithub has for "not set" is no text.
            self._post_status(sha, {name: value for name, value in status.items() if isinstance(value, str)})

        return SimpleNamespace(
            sha=sha, parents=[SimpleNamespace(sha=parent) for parent in parents], files=[],
            commit=SimpleNamespace(author=SimpleNamespace(date=COMMITTED)), create_status=create_status,
            get_statuses=lambda: [SimpleNamespace(**status) for status in reversed(self.commit_statuses(sha))],
            get_combined_status=lambda: SimpleNamespace(statuses=[
                SimpleNamespace(**{'target_url': None, **status})
                for status in {status['context']: status for status in self.commit_statuses(sha)}.values()]))

    def _post_status(self, sha, status):
        self._answer('status')
        if len(status['description']) > MAX_DESCRIPTION_LENGTH:
            from github import GithubException
            raise GithubException(422, {'message': 'Validation Failed'})
        self.statuses.append({'commit': sha, **status})

    @property
    def requester(self):
        """What sends a request that PyGithub would send after others: to read or to post the statuses of a commit."""
        return SimpleNamespace(requestJsonAndCheck=self._request)

    def _request(self, verb, url, parameters=None, input=None):
        asked = re.fullmatch(f'{self.url}/(commits|statuses)/([0-9a-f]+)(?:/statuses)?', url)
        assert asked is not None, url
        kind, commit = asked.groups()
        if verb == 'POST':
            assert kind == 'statuses'
            self._post_status(commit, input)
            return {}, {}
        assert (verb, kind, parameters) == ('GET', 'commits', {'per_page': 100})
        self._answer('statuses')
        statuses = [{'target_url': None, **status} for status in reversed(self.commit_statuses(commit)[-100:])]
        while self.meanwhile:
            self.meanwhile.pop()()
        return {}, statuses

    def get_commits(self, sha):
        """Return a commit of master and its ancestors, the nearest first."""
        known = self.master[self.master.index(sha):] if sha in self.master else []
        return [SimpleNamespace(sha=commit) for commit in known]

    def get_git_ref(self, ref):
        """Return the tip of master."""
        return SimpleNamespace(object=SimpleNamespace(sha=self.master[0]))

    def get_issue(self, number):
        """Return a pull request as the issue that it is too."""
        return SimpleNamespace(create_comment=lambda body: self._comment(number, body))

    def get_pulls(self, state):
        """Return the pull requests in a state."""
        return [pull for pull in self.pulls.values() if pull.state == state]

    def get_workflows(self):
        """Return the workflows."""
        return [SimpleNamespace(id=platform, name=name) for platform, name in WORKFLOWS.items()]

    def get_workflow_runs(self, head_sha=None, event='pull_request', actor=PUSHER, branch=None):
        """Return the runs of the workflows for a commit, or for all, of those who pushed: not who approved them."""
        assert event == 'pull_request'
        if actor != PUSHER:
            return []
        return [SimpleNamespace(workflow_id=platform, name=WORKFLOWS[platform], head_sha=commit,
                                conclusion=conclusion, status='completed' if conclusion else 'in_progress')
                for commit in ([head_sha] if head_sha else self.workflow_runs)
                for platform, conclusion in self.workflow_runs.get(commit, {}).items()]

    def get_contents(self, path):
        """Raise, as no workflow is kept in the repository."""
        from github import UnknownObjectException
        raise UnknownObjectException(404)

    def lazy(self):
        """Return the same with lazy objects, which ask nothing before they are complete, and with plain requests."""
        return SimpleNamespace(
            get_repo=lambda name: SimpleNamespace(
                get_pull=lambda number: SimpleNamespace(complete=lambda: self.get_pull(number)),
                get_artifacts=self.get_artifacts, get_commit=self.get_commit, get_issue=self.get_issue,
                get_workflow_runs=self.get_workflow_runs, url=self.url, requester=self.requester),
            requester=self.requester)

    # Where PyGithub is not

    @contextmanager
    def standing_in(self):
        """Be what PyGithub opens, while the block lasts."""
        pygithub = ModuleType('github')
        vars(pygithub).update(Auth=SimpleNamespace(Token=str), Github=self._log_in,
                              RateLimitExceededException=RateLimitExceededException)
        before = sys.modules.get('github')
        sys.modules['github'] = pygithub
        try:
            yield self
        finally:
            if before is None:
                del sys.modules['github']
            else:
                sys.modules['github'] = before

    def _log_in(self, *, auth, timeout, retry, per_page, lazy):
        assert timeout <= 10 and retry is None and lazy, 'a person waits for the answer'
        return self.lazy()
