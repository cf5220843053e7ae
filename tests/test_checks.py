"""``RUNS_API_BEFORE_RETRY``: checks that may refuse a retry (docs/settings.rst). The ready-made ones: on_github."""

import re

import pytest
from application import create_app
from sqlalchemy.exc import IntegrityError, PendingRollbackError
from werkzeug.utils import import_string

from mod_runs_api import MountError, RefusedByCheck, retry_run


def checked_by(*functions):
    """Set the checks of the application."""
    return pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': list(functions)}], ids=['checks'])


def refuse(run):
    """Refuse every retry, at a length that is cut."""
    return f'The build of {run.commit} for {run.platform} is gone.'.ljust(501, '!')


class Returns:
    """A check that returns some value, or raises it. It has no name of its own, and is not hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value):
        self.value = value

    def __call__(self, run):
        """Return the value."""
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


@pytest.mark.parametrize('settings', [{'RUNS_API_BEFORE_RETRY': refuse}, {'RUNS_API_BEFORE_RETRY': (refuse,)}])
def test_a_check_may_refuse_a_retry_here_and_in_process(retry, run_id, rows):
    before = rows.snapshot()

    response = retry(run_id)

    assert response == 422
    assert response.json == {'code': 'unprocessable', 'details': {'refusal': 'refused_by_check', 'run_id': run_id},
                             'message': 'The build of c0ffee for windows is gone.'.ljust(500, '!')}
    with pytest.raises(RefusedByCheck, match='is gone'):
        retry_run(run_id)
    assert rows.snapshot() == before
    assert rows.retries == []


def caused_by(error, cause):
    """Return an error that was raised because of another one."""
    error.__cause__ = cause
    return error


#: Values and errors that are no answer, each with its line in the log. Errors of the database may quote values.
NO_ANSWERS = [
    *((value, f'returned {type(value).__name__}, which is neither str nor None')
      for value in (False, 5, [], ['no'], b'no', {'no': 1})),
    (ValueError('no such\nkey'), 'raised ValueError: no such key'),
    (PendingRollbackError('secret'), 'raised PendingRollbackError'),
    (caused_by(RuntimeError('secret'), IntegrityError('secret', 'secret', Exception('secret'))),
     'raised IntegrityError')]


@checked_by(Returns(None), Returns(''), *(Returns(value) for value, _ in NO_ANSWERS), refuse)
def test_a_check_without_an_answer_refuses_nothing_is_logged_and_the_next_is_called(retry, run_id, caplog):
    assert retry(run_id).json['message'].startswith('The build of c0ffee')

    assert caplog.messages == [f'the check Returns {logged}' for _, logged in NO_ANSWERS]


@checked_by(Returns(SystemExit()))
def test_the_time_out_of_a_worker_is_no_answer_and_ends_the_request(retry, run_id, rows):
    with pytest.raises(SystemExit):
        retry(run_id)

    assert rows.retries == []


@pytest.mark.parametrize('check', [
    Returns, 'test_checks.Returns', lambda: None, lambda run, more: None, lambda *, run: None, max])
def test_a_check_that_cannot_be_called_with_one_argument_is_refused_at_the_mount(check):
    with pytest.raises(MountError, match=re.escape(repr(import_string(check) if isinstance(check, str) else check))):
        create_app('sqlite://', True, RUNS_API_BEFORE_RETRY=[refuse, check])


@pytest.fixture
def app_settings(settings, check):
    """The settings of a platform with this check, named twice."""
    return {'RUNS_API_BEFORE_RETRY': [check, check], **settings}


def test_a_repeated_request_gets_the_run_that_its_key_created_while_a_check_was_called(retry, run_id, rows, check):
    answers = []

    def repeat(_run):
        check.side_effect = None
        answers.append(retry(run_id, key='k'))
        return 'Another attempt is queued.'

    check.side_effect = repeat
    answers.append(retry(run_id, key='k'))

    assert [(answer.status_code, answer.headers.get('Idempotent-Replayed')) for answer in answers] == [
        (202, None), (202, 'true')]
    assert answers[0].json == answers[1].json
    assert len(rows.retries) == 1


def test_a_check_is_called_once_with_the_run_and_only_for_a_retry_that_could_be_made(retry, run_id, check):
    new_run_id = retry(run_id, key='k').json['new_run_id']

    (run,), _ = check.call_args
    assert (run.id, run.platform, run.test_type, run.fork_id, run.branch, run.commit, run.pr_nr, run.status) == (
        run_id, 'windows', 'pr', 1, 'pull_request', 'c0ffee', 7, 'completed')
    assert retry(run_id, key='k') == 202
    assert retry(99) == 404
    assert retry(new_run_id, {'failed_only': True}) == 422
    check.assert_called_once()

    retry(new_run_id)
    (run,), _ = check.call_args
    assert (run.id, run.status) == (new_run_id, None)
