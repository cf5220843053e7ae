"""
Rows to begin with: small factories, a story for the demo, and a great many rows at once.

All of it adds to the session of the current application and flushes; only `seed_demo` and the bulk functions commit.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from database import Base, db
from mod_api.models.api_token import ApiToken
from mod_auth.models import Role, User
from mod_ci.models import GcpInstance
from mod_customized.models import CustomizedTest, TestFork
from mod_regression.models import Category, RegressionTest, RegressionTestOutput, RegressionTestOutputFiles
from mod_test.models import Fork, Test, TestPlatform, TestProgress, TestStatus, TestType
from results import record
from sqlalchemy import func, select

MAIN_REPOSITORY = 'https://github.com/CCExtractor/ccextractor.git'
COMPLETED = (TestStatus.preparation, TestStatus.testing, TestStatus.completed)
CANCELED = (TestStatus.preparation, TestStatus.testing, TestStatus.canceled)
STARTED = (TestStatus.preparation, TestStatus.testing)


def add(row):
    """Add a row and flush, so that it has an id."""
    db.session.add(row)
    db.session.flush()
    return row


def digest():
    """Make up a file's hash."""
    return secrets.token_hex(32)


def user(name='alice', role=Role.contributor, *, github_login=None):
    """Add a user."""
    return add(User(name=name, role=role, email=f'{name}@example.org', github_login=github_login, password=''))


def token(owner, scopes=('runs:read', 'runs:write')):
    """Add a token, and return the secret."""
    secret, now = f'spci_{secrets.token_urlsafe(32)}', datetime.now(timezone.utc)
    add(ApiToken(user_id=owner.id, token_name=f'token {secrets.token_hex(4)}', token_prefix=secret[:16],
                 token_hash=ApiToken.hash_token(secret), scopes_json=json.dumps(list(scopes)), created_at=now,
                 expires_at=now + timedelta(days=7)))
    return secret


def category():
    """Find the category of all regression tests, or add it."""
    return db.session.scalars(select(Category)).first() or add(Category(name='General', description=''))


def fork(github=MAIN_REPOSITORY):
    """Find the repository of this address, or add it."""
    found = db.session.scalars(select(Fork).where(Fork.github == github)).first()
    return found or add(Fork(github=github))


def regression_test(command='-out=srt -latin1', *, outputs=1, expected_rc=0, active=True):
    """Add a regression test with some outputs of its own."""
    return add(RegressionTest(
        command=command, expected_rc=expected_rc, active=active, categories=[category()],
        output_files=[RegressionTestOutput(correct=digest(), correct_extension='.srt') for _ in range(outputs)]))


def regression_tests(count):
    """Add several of them."""
    return [regression_test() for _ in range(count)]


def output(test, *, ignore=False):
    """Add an output that a regression test is expected to make, or may make if it is to be ignored."""
    added = add(RegressionTestOutput(regression_test=test, correct=digest(), correct_extension='.srt'))
    # An INSERT would have the default in the place of None.
    added.ignore = ignore
    db.session.flush()
    return added


def variant(of, file_hash=None):
    """Accept another file for an output, and give its hash."""
    file_hash = file_hash or digest()
    add(RegressionTestOutputFiles(output=of, file_hashes=file_hash))
    return file_hash


def run(
        selection=(), *, owners=(), stages=(), message=None, ago=timedelta(), passed=0, platform=TestPlatform.linux,
        test_type=TestType.commit, branch='master', commit=None, pr_nr=0, github=MAIN_REPOSITORY):
    """
    Add a run that has reached some stages, the last with a message, some time ago; without any it is queued.

    It has a row for each selected regression test, also for a repeated one. Without any it runs all tests there are.
    The first few of those selected have passed, and the others have no result.
    """
    new = add(Test(platform, test_type, fork(github).id, branch, commit or secrets.token_hex(20), pr_nr))
    db.session.add_all([CustomizedTest(test_id=new.id, regression_id=test.id) for test in selection])
    db.session.add_all([TestFork(test_id=new.id, user_id=owner.id) for owner in owners])
    progress(new, *stages, message=message, ago=ago)
    for test in selection[:passed]:
        result(new, test)
    return new


def progress(of, *stages, message=None, ago=timedelta()):
    """Add stages to a run's progress, the last with a message, reached some time ago."""
    at = datetime.now(timezone.utc) - ago
    rows = [TestProgress(of.id, stage, stage.description, at) for stage in stages]
    if message is not None:
        rows[-1].message = message
    db.session.add_all(rows)
    db.session.flush()
    return rows


def machine(run_id, *, ago):
    """Add a machine of a run, which was started some time ago. The platform stores its local time."""
    return add(GcpInstance(f'machine-{secrets.token_hex(8)}', run_id, datetime.now() - ago))


def result(of, test, produced=None, **changes):
    """Add a regression test's result to a run, with its files: see `record`. By default all is as expected."""
    return record(db.session, of, test, produced, **changes)


@dataclass(frozen=True)
class Demo:
    """The run to retry, the ids of the regression tests that failed in it, and secrets by whose they are."""

    run_id: int
    failed: tuple[int, ...]
    tokens: dict[str, str]


def seed_demo():
    """Make the tables and a story: three people, ten regression tests, a partly failed run of a pull request."""
    db.create_all()
    alice, bob, carol = user('alice'), user('bob', Role.user), user('carol', Role.admin)
    tests = [regression_test(command) for command in (
        '-out=srt -latin1', '-autoprogram -out=ttxt -utf8', '-autoprogram -out=srt -datapid 2310',
        '-svc 1 -out=sami', '-out=srt -nofc -trim', '-in=ps -out=smptett', '-out=bin', '-in=mp4 -out=srt')]
    tests.append(regression_test('-in=mp4 -out=null', outputs=0, expected_rc=10))
    regression_test('-in=mp4 -out=webvtt -hauppauge', active=False)
    crashes, differs, varies, makes_nothing = tests[1], tests[2], tests[4], tests[7]
    output(crashes)
    source = run(tests, owners=[carol], stages=COMPLETED, test_type=TestType.pull_request, branch='pull_request',
                 commit='5f2a9c0e7d41b8836a1c4e90d2b7f3586ce1a904', pr_nr=1342)
    result(source, crashes, exit_code=139)
    result(source, differs, {differs.output_files[0].id: digest()})
    result(source, varies, {varies.output_files[0].id: variant(varies.output_files[0])})
    result(source, makes_nothing, {}, exit_code=1)
    for test in {*tests} - {crashes, differs, varies, makes_nothing}:
        result(source, test)
    demo = Demo(source.id, (crashes.id, differs.id, makes_nothing.id), {
        'alice': token(alice, ['runs:read', 'runs:write', 'results:read']),
        'bob': token(bob),
        'carol': token(carol),
    })
    db.session.commit()
    return demo


def bulk_regression_tests(count):
    """Add many active regression tests of one output each, commit, and return their ids."""
    group = category().id
    tests, outputs = _new_ids('regression_test', count), _new_ids('regression_test_output', count)
    _insert('regression_test', [
        {'id': test, 'command': f'-out=srt -datapid {test}', 'expected_rc': 0} for test in tests])
    _insert('regression_test_category', [{'regression_id': test, 'category_id': group} for test in tests])
    _insert('regression_test_output', [
        {'id': key, 'regression_id': test, 'correct': f'{key:064x}', 'correct_extension': '.srt'}
        for key, test in zip(outputs, tests)])
    db.session.commit()
    return list(tests)


def bulk_runs(count, tests_per_run, failed_per_run=1):
    """
    Add many completed runs with results, commit, and return their ids.

    Each selects the first active regression tests, which are added where they are missing, and the first few of them
    ended with a wrong exit code.
    """
    tests = list(db.session.scalars(
        select(RegressionTest.id).where(RegressionTest.active.is_(True)).order_by(RegressionTest.id)
        .limit(tests_per_run)))
    if len(tests) < tests_per_run:
        tests += bulk_regression_tests(tests_per_run - len(tests))
    outputs = db.session.execute(
        select(RegressionTestOutput.id, RegressionTestOutput.regression_id, RegressionTestOutput.correct)
        .where(RegressionTestOutput.regression_id.in_(tests))).all()
    repository, now, runs = fork().id, datetime.now(timezone.utc), _new_ids('test', count)
    _insert('test', [
        {'id': key, 'platform': TestPlatform.linux, 'test_type': TestType.commit, 'token': f'{key:064d}',
         'fork_id': repository, 'branch': 'master', 'commit': f'{key:040x}', 'pr_nr': 0} for key in runs])
    _insert('customized_test', [{'test_id': key, 'regression_id': test} for key in runs for test in tests])
    _insert('test_progress', [
        {'test_id': key, 'status': stage, 'timestamp': now, 'message': stage.description}
        for key in runs for stage in COMPLETED])
    _insert('test_result', [
        {'test_id': key, 'regression_test_id': test, 'runtime': 1200, 'expected_rc': 0,
         'exit_code': int(place < failed_per_run)} for key in runs for place, test in enumerate(tests)])
    _insert('test_result_file', [
        {'test_id': key, 'regression_test_id': output.regression_id, 'regression_test_output_id': output.id,
         'expected': output.correct} for key in runs for output in outputs])
    db.session.commit()
    return list(runs)


def _new_ids(table, count):
    last = db.session.scalar(select(func.max(Base.metadata.tables[table].c.id))) or 0
    return range(last + 1, last + 1 + count)


def _insert(table, rows):
    if rows:
        db.session.execute(Base.metadata.tables[table].insert(), rows)
