"""
The platform, asked from outside one thing after the other: run in the interpreter of a copy of it (see protocol.py).

Every line of standard input is a call of one of the functions below, as JSON; its answer is a line of standard output.
The platform's modules are imported inside the functions, after the process has found itself in the copy and the
stand-ins are in place.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from flask import g
from inside import ADDRESS, request
from stand_ins import Cloud, GitHub, standing_in
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Inside:
    """What can be called. The public methods are the functions, each called with keywords."""

    def __init__(self, github: GitHub, cloud: Cloud) -> None:
        self._github = github
        self._cloud = cloud
        from run import app

        #: The platform's processes do one thing at a time.
        self.turn = threading.Lock()
        # The tests fill in the platform's forms without having read its pages.
        app.config['WTF_CSRF_ENABLED'] = False
        self._app = app

    def begin(self) -> None:
        """Begin a story: nothing has happened on GitHub or in the cloud."""
        self._github.clear()
        self._cloud.clear()

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, file: str | None = None,
            headers: dict[str, str] | None = None, json_body: Any = None, user_id: int | None = None) -> Any:
        """Make a request, as somebody who is logged in if so wished, and return the answer."""
        sent: dict[str, Any] = {'headers': headers}
        if json_body is not None:
            sent['json'] = json_body
        elif form is not None:
            upload = {} if file is None else {'file': (io.BytesIO(file.encode()), 'output.srt')}
            sent['data'] = {**form, **upload}
        with self._app.test_client() as client:
            if user_id is not None:
                with client.session_transaction(base_url=ADDRESS) as session:
                    session['user_id'] = user_id
            answer = client.open(path, method=method, base_url=ADDRESS, **sent)
        return {'status': answer.status_code, 'body': answer.get_data(as_text=True),
                'headers': {name.lower(): value for name, value in answer.headers.items()}}

    def serve(self) -> int:
        """Serve the platform over HTTP beside the calls, and return the port."""
        server = make_server('127.0.0.1', 0, self._answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.port

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        with self.turn, closing(ClosingIterator(self._app(environ, start_response))) as body:
            return list(body)

    def add_person(self, name: str, role: str, password: str, github_login: str | None = None) -> int:
        """Write a person down whose password the platform has hashed, and return the id."""
        from mod_auth.models import Role, User
        with request():
            user = User(name, Role.from_string(role), f'{name}@example.com', User.generate_hash(password))
            user.github_login = github_login
            g.db.add(user)
            g.db.commit()
            return int(user.id)

    def deliver(self, event: str, payload: Any, delivery_id: str = '72d3162e-cc78-11e3-81ab-4c9367dc0958',
                key: str | None = None) -> int:
        """Have GitHub report an event, signed (by default with the right key), and return the answer's status."""
        body = json.dumps(payload).encode()
        signature = hmac.new((key or self._app.config['GITHUB_CI_KEY']).encode(), body, hashlib.sha1).hexdigest()
        with self._app.test_client() as client:
            return client.post('/start-ci', base_url=ADDRESS, data=body, headers={
                'X-GitHub-Event': event, 'X-GitHub-Delivery': delivery_id,
                'X-Hub-Signature': f'sha1={signature}', 'User-Agent': 'GitHub-Hookshot/044aadd',
                'Content-Type': 'application/json'}).status_code

    def run_scheduled_job(self) -> None:
        """Do what the platform's cron does every few minutes."""
        import database
        from mod_ci import controllers
        sessions = []

        def create_session(*arguments: Any) -> Any:
            sessions.append(database.create_session(*arguments))
            return sessions[-1]

        with mock.patch.object(controllers, 'create_session', create_session):
            controllers.start_platforms(self._github)
        # Where the process of the job ends.
        for session in sessions:
            session.remove()

    def sweep(self) -> list[Any]:
        """Do what the crontab's other line does, and return what it says."""
        done = self._app.test_cli_runner().invoke(args=['runs-api', 'sweep', '--json'])
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def statuses_and_pages(self, run_ids: list[int]) -> Any:
        """Return the status of runs and what their pages are made from: by category, which tests are errors."""
        from mod_api.services.status import derive_run_status
        from mod_test.controllers import get_test_results
        from mod_test.models import Test
        with request():
            found = []
            for run_id in run_ids:
                test = Test.query.filter(Test.id == run_id).one()
                found.append({'status': derive_run_status(test),
                              'categories': {category['category'].name: [[entry['test'].id, entry['error']]
                                                                         for entry in category['tests']]
                                             for category in get_test_results(test)}})
            return found

    def compare(self, run_id: int, reference_id: int) -> Any:
        """Return what the platform's report says of the tests of a run beside another: the tests of each word."""
        from mod_ci.comparison import build_state, compare
        from mod_test.controllers import get_test_results
        from mod_test.models import Test
        with request():
            current, reference = (build_state(get_test_results(Test.query.filter(Test.id == id).one()))
                                  for id in (run_id, reference_id))
            return compare(current, reference)

    def push(self, commit: str) -> None:
        """Put a commit on GitHub's master."""
        self._github.push(commit)

    def open_pull(self, number: int, commit: str, author: int) -> None:
        """Open a pull request on GitHub."""
        self._github.open_pull(number, commit, author)

    def push_to_pull(self, number: int, commit: str) -> None:
        """Make another commit the head of a pull request on GitHub, and build it."""
        self._github.push_to_pull(number, commit)

    def run_workflows(self, commit: str) -> None:
        """Have GitHub run the workflows that build a commit."""
        self._github.workflows.append(commit)

    def close_pull(self, number: int) -> None:
        """Close a pull request on GitHub, without an event."""
        self._github.pulls[number].state = 'closed'

    def reopen_pull(self, number: int) -> None:
        """Open a pull request on GitHub again, without an event."""
        self._github.pulls[number].state = 'open'

    def set_answers(self, answers: bool) -> None:
        """Have GitHub answer questions about pull requests, or not."""
        self._github.answers = answers

    def lose_build(self, commit: str) -> None:
        """Have GitHub forget the build of a commit."""
        self._github.builds.remove(commit)

    def comments(self, number: int) -> Any:
        """Return the comments on a pull request, deleted ones too."""
        return [comment for comment in self._github.comments if comment['pull'] == number]

    def commit_statuses(self, commit: str) -> Any:
        """Return the statuses of a commit, the oldest first."""
        return [status for status in self._github.statuses if status['commit'] == commit]

    def machines(self) -> list[str]:
        """Return the names of the machines that run."""
        return list(self._cloud.machines)

    def fail_workflows(self, commit: str) -> None:
        """Have GitHub run the workflows of a commit, and fail."""
        self._github.failed_workflows.append(commit)

    def set_download_status(self, status: int) -> None:
        """Have GitHub answer with a status when a build is downloaded."""
        self._github.download_status = status

    def refuse_machines(self, code: str) -> None:
        """Have the cloud start no machine, and say why."""
        self._cloud.refusal = code

    def keep_machines(self) -> None:
        """Have the cloud take its time when a machine is to be stopped."""
        self._cloud.stops = False

    def lose_machine(self, machine: str) -> None:
        """Have a machine disappear, without a word to anybody."""
        del self._cloud.machines[machine]

    def find_build(self, commit: str) -> None:
        """Have GitHub show the build of a commit after all."""
        self._github.builds.append(commit)

    def let_pass(self, machine: str, minutes: int) -> None:
        """Let time pass for a machine."""
        self._cloud.machines[machine] -= timedelta(minutes=minutes)


def main() -> None:
    """Answer one call after the other until there is no more input."""
    answers = sys.stdout
    with redirect_stdout(sys.stderr), standing_in() as (github, cloud):
        inside = Inside(github, cloud)
        for line in sys.stdin:
            call = json.loads(line)
            function: Callable[..., Any] = getattr(inside, call['function'])
            try:
                with inside.turn:
                    answer = json.dumps({'returned': function(**call['arguments'])})
            except Exception:
                answer = json.dumps({'raised': traceback.format_exc()})
            print(answer, file=answers, flush=True)


if __name__ == '__main__':
    main()
