"""
The platform, asked one thing after the other: run in the interpreter of a copy of it (see protocol.py).

Every line of standard input is a call of a method of what is here or of a stand-in (see stand_ins.py), as JSON; its
answer is a line of standard output. The platform's modules and the package are imported inside the functions, after the
process has found itself in the copy and the stand-ins are in place.
"""

import io
import json
import sys
import threading
import traceback
from contextlib import closing, contextmanager, redirect_stdout
from datetime import datetime
from unittest import mock

from flask import g
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

from .stand_ins import standing_in

#: Said with every request, for the platform's configuration leaves Flask nothing to guess it from.
ADDRESS = 'http://localhost/'


class Inside:
    """What can be called. The public methods are the functions, each called with keywords."""

    def __init__(self, github, cloud):
        self._github = github
        self._cloud = cloud
        from run import app

        #: The platform's processes do one thing at a time.
        self.turn = threading.Lock()
        # The tests fill in the platform's forms without having read its pages.
        app.config['WTF_CSRF_ENABLED'] = False
        self._app = app

    @contextmanager
    def _request(self):
        """Be in a request to the platform, of nobody in particular."""
        with self._app.test_request_context(base_url=ADDRESS):
            self._app.preprocess_request()
            yield

    def create_tables(self):
        """Create the platform's tables, as every request does."""
        with self._request():
            pass

    def begin(self):
        """Begin a story: nothing has happened on GitHub or in the cloud."""
        self.create_tables()
        self._github.clear()
        self._cloud.clear()

    def add_people(self, people, password):
        """Add people with a role, all with one password, hashed by the platform; return their ids."""
        from mod_auth.models import Role, User
        with self._request():
            hashed = User.generate_hash(password)
            users = [User(name, role and Role.from_string(role), f'{name}@example.com', hashed)
                     for name, role in people.items()]
            g.db.add_all(users)
            g.db.commit()
            return {str(user.name): user.id for user in users}

    # From outside

    def ask(self, method, path, form=None, file=None, headers=None, json_body=None, user_id=None):
        """Make a request, as somebody who is logged in if so wished, and return the answer."""
        sent = {'headers': headers}
        if json_body is not None:
            sent['json'] = json_body
        elif form is not None:
            upload = {} if file is None else {'file': (io.BytesIO(file.encode()), 'output.srt')}
            sent['data'] = {**form, **upload}
        elif file is not None:
            sent['data'] = file
        with self._app.test_client() as client:
            if user_id is not None:
                with client.session_transaction(base_url=ADDRESS) as session:
                    session['user_id'] = user_id
            answer = client.open(path, method=method, base_url=ADDRESS, **sent)
        return {'status': answer.status_code, 'body': answer.get_data(as_text=True),
                'headers': {name.lower(): value for name, value in answer.headers.items()}}

    def serve(self):
        """Serve the platform over HTTP beside the calls, and return the port."""
        server = make_server('127.0.0.1', 0, self._answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.port

    def _answer(self, environ, start_response):
        with self.turn, closing(ClosingIterator(self._app(environ, start_response))) as body:
            return list(body)

    def run_scheduled_job(self):
        """Do what the platform's cron does every few minutes."""
        import database
        from mod_ci import controllers
        sessions = []

        def create_session(*arguments):
            sessions.append(database.create_session(*arguments))
            return sessions[-1]

        with mock.patch.object(controllers, 'create_session', create_session):
            controllers.start_platforms(self._github)
        # The process of the job would end here.
        for session in sessions:
            session.remove()

    def have_github_fail(self, questions=(), status=None):
        """
        Have GitHub refuse some questions with a status, or be silent, and answer all others.

        PyGithub as the job opens it repeats a question ten times before it raises this.
        """
        from github import GithubException
        from requests.exceptions import RetryError
        self._github.faults = dict.fromkeys(
            questions, RetryError('503') if status is None else GithubException(status, {'message': 'No'}))

    def end_meanwhile(self, run_id, asked='github'):
        """Have a run end, in a transaction of its own, while statuses are read, or while the cloud lists machines."""
        import database
        from mod_test.models import TestProgress, TestStatus

        def end():
            assert database.db_engine is not None
            with database.db_engine.begin() as connection:
                connection.execute(TestProgress.__table__.insert().values(
                    test_id=run_id, status=TestStatus.completed, message='The end', timestamp=datetime.now()))

        (self._github if asked == 'github' else self._cloud).meanwhile.append(end)

    def command(self, arguments):
        """Run a command of the package's, and return its exit code and what it says."""
        done = self._app.test_cli_runner().invoke(args=['runs-api', *arguments])
        return [done.exit_code, done.stdout]

    def retry_in_process(self, run_id):
        """Retry a run by the function for code of the platform, and return the new run."""
        from mod_runs_api import retry_run
        with self._request():
            return retry_run(run_id).new_run_id

    # What the platform says

    def status_and_page(self, run_id):
        """Return the status of a run and what its page is made from: by category, which tests are errors."""
        from mod_api.services.status import derive_run_status
        from mod_test.controllers import get_test_results
        from mod_test.models import Test
        with self._request():
            test = Test.query.filter(Test.id == run_id).one()
            return [derive_run_status(test), {
                category['category'].name: [[entry['test'].id, entry['error']] for entry in category['tests']]
                for category in get_test_results(test)}]

    def report(self, run_id):
        """Return the report on the run of a pull request, as the platform would post it."""
        from mod_ci.controllers import get_info_for_pr_comment
        from mod_test.models import Test
        with self._request():
            info = get_info_for_pr_comment(Test.query.filter(Test.id == run_id).one(), None)
            return self._app.jinja_env.get_template('ci/pr_comment.txt').render(
                comment_info=info, test_id=run_id, platform='linux')


def main():
    """Answer one call after the other until there is no more input."""
    answers = sys.stdout
    with redirect_stdout(sys.stderr), standing_in() as (github, cloud):
        inside = Inside(github, cloud)
        for line in sys.stdin:
            call = json.loads(line)
            try:
                function = next(
                    getattr(place, call['function']) for place in (inside, github, cloud)
                    if hasattr(place, call['function']))
                with inside.turn:
                    answer = json.dumps({'returned': function(**call['arguments'])})
            except Exception:
                answer = json.dumps({'raised': traceback.format_exc()})
            print(answer, file=answers, flush=True)


if __name__ == '__main__':
    main()
