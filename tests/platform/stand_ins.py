"""What stands in for GitHub and for the cloud while the platform's own code runs, and remembers what it was told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from unittest import mock

from github import GithubObject, UnknownObjectException

BOT = 'ccextractor-bot'

#: Commits are older than the hours for which the platform waits for a build.
COMMITTED = datetime.now(timezone.utc) - timedelta(days=2)


class GitHub:
    """The one repository: its master, its pull requests, their comments, and the statuses of the commits."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.master: list[str] = []
        self.builds: list[str] = []
        self.workflows: list[str] = []
        self.failed_workflows: list[str] = []
        #: What a build is downloaded with.
        self.download_status = 200
        self.pulls: dict[int, Any] = {}
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []

    # What a story has happen

    def push(self, commit: str) -> None:
        """Put a commit on master, and build it."""
        self.master.insert(0, commit)
        self.builds.append(commit)

    def open_pull(self, number: int, commit: str, author: int) -> None:
        """Open a pull request of one commit, cut from the tip of master, and build it."""
        self.builds.append(commit)
        self.pulls[number] = SimpleNamespace(
            number=number, state='open', mergeable=True, user=SimpleNamespace(id=author),
            head=SimpleNamespace(sha=commit),
            base=SimpleNamespace(sha=self.master[0] if self.master else '0' * 40),
            get_issue_comments=lambda: self._standing(number),
            create_issue_comment=lambda body: self._comment(number, body))

    def push_to_pull(self, number: int, commit: str) -> None:
        """Put another commit on a pull request, and build it."""
        self.builds.append(commit)
        self.pulls[number].head.sha = commit

    def run_workflows(self, commit: str) -> None:
        """Run the workflows that build a commit."""
        self.workflows.append(commit)

    def fail_workflows(self, commit: str) -> None:
        """Run the workflows of a commit, and fail."""
        self.failed_workflows.append(commit)

    def lose_build(self, commit: str) -> None:
        """Forget the build of a commit."""
        self.builds.remove(commit)

    def find_build(self, commit: str) -> None:
        """Show the build of a commit after all."""
        self.builds.append(commit)

    def set_download_status(self, status: int) -> None:
        """Answer with a status when a build is downloaded."""
        self.download_status = status

    def close_pull(self, number: int) -> None:
        """Close a pull request, without an event."""
        self.pulls[number].state = 'closed'

    def reopen_pull(self, number: int) -> None:
        """Open a pull request again, without an event."""
        self.pulls[number].state = 'open'

    def comments_on(self, number: int) -> list[Any]:
        """Return the comments on a pull request, deleted ones too."""
        return [comment for comment in self.comments if comment['pull'] == number]

    def commit_statuses(self, commit: str) -> list[Any]:
        """Return the statuses of a commit, the oldest first."""
        return [status for status in self.statuses if status['commit'] == commit]

    def _standing(self, number: int) -> list[Any]:
        return [SimpleNamespace(body=comment['body'], user=SimpleNamespace(login=BOT),
                                delete=lambda comment=comment: comment.update(deleted=True))
                for comment in self.comments_on(number) if not comment['deleted']]

    def _comment(self, number: int, body: str) -> Any:
        self.comments.append({'pull': number, 'body': body, 'deleted': False})
        return SimpleNamespace(id=len(self.comments))

    # What the platform calls

    def get_user(self) -> Any:
        """Return the account that the platform comments with."""
        return SimpleNamespace(login=BOT)

    def get_repo(self, name: str) -> GitHub:
        """Return the only repository."""
        return self

    def get_commit(self, sha: str) -> Any:
        """Return a commit, pushed or not."""
        parents = self.master[self.master.index(sha) + 1:][:1] if sha in self.master else []
        return SimpleNamespace(
            sha=sha, parents=[SimpleNamespace(sha=parent) for parent in parents], files=[],
            commit=SimpleNamespace(author=SimpleNamespace(date=COMMITTED)),
            create_status=lambda **status: self.statuses.append({'commit': sha, **_set(status)}),
            get_statuses=lambda: [SimpleNamespace(**status) for status in reversed(self.commit_statuses(sha))])

    def get_commits(self, sha: str) -> list[Any]:
        """Return a commit of master and its ancestors, the nearest first."""
        known = self.master[self.master.index(sha):] if sha in self.master else []
        return [SimpleNamespace(sha=commit) for commit in known]

    def get_git_ref(self, ref: str) -> Any:
        """Return the tip of master."""
        return SimpleNamespace(object=SimpleNamespace(sha=self.master[0]))

    def get_pull(self, number: int) -> Any:
        """Return a pull request."""
        return self.pulls[number]

    def get_issue(self, number: int) -> Any:
        """Return a pull request as the issue that it is too."""
        return SimpleNamespace(create_comment=lambda body: self._comment(number, body))

    def get_pulls(self, state: str) -> list[Any]:
        """Return the pull requests in a state."""
        return [pull for pull in self.pulls.values() if pull.state == state]

    def get_artifacts(self) -> list[Any]:
        """Return the builds of every commit that has any."""
        from mod_ci.controllers import Artifact_names
        return [SimpleNamespace(name=name, id=1, expired=False, workflow_run=SimpleNamespace(head_sha=commit),
                                archive_download_url='https://api.github.com/artifact')
                for commit in self.builds for name in (Artifact_names.linux, Artifact_names.windows)]

    def get_contents(self, path: str) -> Any:
        """Raise, as no workflow is kept in the repository."""
        raise UnknownObjectException(404)

    def get_workflows(self) -> list[Any]:
        """Return the workflows that build for Linux and for Windows."""
        from mod_ci.controllers import Workflow_builds
        return [SimpleNamespace(id=id, name=name)
                for id, name in enumerate([Workflow_builds.LINUX, Workflow_builds.WINDOWS])]

    def get_workflow_runs(self, **arguments: Any) -> list[Any]:
        """Return the runs of the workflows."""
        return [SimpleNamespace(workflow_id=id, head_sha=commit, status='completed', conclusion=conclusion)
                for commits, conclusion in ((self.workflows, 'success'), (self.failed_workflows, 'failure'))
                for commit in commits for id in range(2)]


class Cloud:
    """The machines that run, and when they were started."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Stop all machines."""
        self.machines: dict[str, datetime] = {}
        #: Whether a machine stops when it is told to.
        self.stops = True
        #: The code of the error that answers who asks for a machine.
        self.refusal: str | None = None

    # What a story has happen

    def running(self) -> list[str]:
        """Return the names of the machines that run."""
        return list(self.machines)

    def refuse_machines(self, code: str) -> None:
        """Start no machine, and say why."""
        self.refusal = code

    def keep_machines(self) -> None:
        """Take time when a machine is to be stopped."""
        self.stops = False

    def lose_machine(self, machine: str) -> None:
        """Have a machine disappear, without a word to anybody."""
        del self.machines[machine]

    def let_pass(self, machine: str, minutes: int) -> None:
        """Let time pass for a machine."""
        self.machines[machine] -= timedelta(minutes=minutes)

    # What the platform calls

    def instances(self) -> Any:
        """Return what lists, starts and deletes machines."""
        return SimpleNamespace(
            list=lambda **where: _answer({'items': [
                {'name': name, 'creationTimestamp': started.strftime('%Y-%m-%dT%H:%M:%S.%f%z')}
                for name, started in self.machines.items()]}),
            insert=lambda body, **where: _answer(self._start(body['name'])),
            delete=lambda instance, **where: _answer(self._stop(instance)))

    def images(self) -> Any:
        """Return what finds the image of a machine."""
        return SimpleNamespace(getFromFamily=lambda **where: _answer({'selfLink': 'image'}))

    def zoneOperations(self) -> Any:
        """Return what says that an operation is done."""
        return SimpleNamespace(get=lambda **where: _answer({'status': 'DONE'}))

    def _start(self, name: str) -> Any:
        if self.refusal is not None:
            return {'error': {'errors': [{'code': self.refusal, 'message': 'No.'}]}}
        self.machines[name] = datetime.now(timezone.utc)
        return {'name': f'start-{name}', 'status': 'RUNNING'}

    def _stop(self, name: str) -> Any:
        if self.stops:
            self.machines.pop(name, None)
        return {'name': f'stop-{name}', 'status': 'RUNNING'}


def _set(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not GithubObject.NotSet}


def _answer(answer: Any) -> Any:
    return SimpleNamespace(execute=lambda: answer)


def _get(github: GitHub, url: str) -> Any:
    """Answer the requests that the platform makes past PyGithub."""
    build = io.BytesIO()
    with zipfile.ZipFile(build, 'w') as archive:
        archive.writestr('ccextractor', '')
    return SimpleNamespace(status_code=github.download_status, content=build.getvalue(),
                           json=lambda: {'hooks': ['127.0.0.0/8'], 'login': 'somebody'})


@contextmanager
def standing_in() -> Iterator[tuple[GitHub, Cloud]]:
    """Put the stand-ins in place while the block lasts. The platform must not have been imported yet."""
    github, cloud = GitHub(), Cloud()
    with ExitStack() as stack:
        stack.enter_context(mock.patch('github.Github', lambda **arguments: github))
        stack.enter_context(mock.patch('googleapiclient.discovery.build', lambda *names, **arguments: cloud))
        stack.enter_context(mock.patch('requests.get', lambda url, **arguments: _get(github, url)))
        # Without a bucket the platform looks for files on its own disk only.
        stack.enter_context(mock.patch('google.cloud.storage.Client.bucket', return_value=None))
        yield github, cloud
