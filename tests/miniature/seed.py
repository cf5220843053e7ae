"""
Rows to begin with: small factories, a story for the demo, and a great many rows at once.

All of it adds to the session of the current application and flushes; only `seed_demo` and the bulk functions commit.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Iterable, Optional, Sequence, TypeVar

from database import Base, db
from mod_api.models.api_token import ApiToken
from mod_auth.models import Role, User
from mod_customized.models import CustomizedTest, TestFork
from mod_regression.models import (Category, RegressionTest,
                                   RegressionTestOutput,
                                   RegressionTestOutputFiles)
from mod_sample.models import Sample
from mod_test.models import (Fork, Test, TestPlatform, TestProgress,
                             TestResult, TestStatus, TestType)
from outcome import Outcome, passing, record
from sqlalchemy import func, select
from werkzeug.security import generate_password_hash

MAIN_REPOSITORY = 'https://github.com/CCExtractor/ccextractor.git'
COMPLETED = (TestStatus.preparation, TestStatus.testing, TestStatus.completed)
CANCELED = (TestStatus.preparation, TestStatus.testing, TestStatus.canceled)
READ_AND_WRITE = ('runs:read', 'runs:write')
ROWS_AT_ONCE = 20_000

Row = TypeVar('Row', bound=Base)


def add(row: Row) -> Row:
    """Add a row and flush, so that it has an id."""
    db.session.add(row)
    db.session.flush()
    return row


def digest() -> str:
    """Make up a file's hash."""
    return secrets.token_hex(32)


def user(name: str = 'alice', role: Optional[Role] = Role.contributor, *, password: Optional[str] = None,
         github_login: Optional[str] = None) -> User:
    """Add a user, who can log in only with a password."""
    stored = '' if password is None else generate_password_hash(password)
    return add(User(name=name, role=role, email=f'{name}@example.org', github_login=github_login, password=stored))


def token(owner: User, scopes: Iterable[str] = READ_AND_WRITE, *, name: Optional[str] = None,
          expires_in_days: int = 7, revoked: bool = False) -> str:
    """Add a token, and return the secret. It has expired where the days are below zero."""
    secret, now = f'spci_{secrets.token_urlsafe(32)}', datetime.now(timezone.utc)
    add(ApiToken(user_id=owner.id, token_name=name or f'token {secrets.token_hex(4)}', token_prefix=secret[:16],
                 token_hash=ApiToken.hash_token(secret), scopes_json=json.dumps(list(scopes)), created_at=now,
                 expires_at=now + timedelta(days=expires_in_days), revoked_at=now if revoked else None))
    return secret


def category(name: str = 'General') -> Category:
    """Find the category of this name, or add it."""
    found = db.session.scalars(select(Category).where(Category.name == name)).first()
    return found or add(Category(name=name, description=f'Samples of the group {name}'))


def fork(github: str = MAIN_REPOSITORY) -> Fork:
    """Find the repository of this address, or add it."""
    found = db.session.scalars(select(Fork).where(Fork.github == github)).first()
    return found or add(Fork(github=github))


def sample() -> Sample:
    """Add a sample."""
    return add(Sample(sha=digest(), extension='ts', original_name='recording'))


def regression_test(command: str = '-out=srt -latin1', *, in_category: str = 'General', outputs: int = 1,
                    expected_rc: Optional[int] = 0, active: bool = True) -> RegressionTest:
    """Add a regression test with a sample and some outputs of its own."""
    test = add(RegressionTest(sample=sample(), command=command, expected_rc=expected_rc, active=active, description='',
                              categories=[category(in_category)]))
    for _ in range(outputs):
        output(test)
    return test


def regression_tests(count: int) -> list[RegressionTest]:
    """Add several of them."""
    return [regression_test() for _ in range(count)]


def output(test: RegressionTest, *, ignore: Any = False) -> RegressionTestOutput:
    """Add an output that a regression test is expected to make, or may make if it is to be ignored."""
    return add(RegressionTestOutput(regression_test=test, correct=digest(), correct_extension='.srt',
                                    expected_filename='', ignore=ignore))


def variant(of: RegressionTestOutput, file_hash: Optional[str] = None) -> str:
    """Accept another file for an output, and give its hash."""
    file_hash = file_hash or digest()
    add(RegressionTestOutputFiles(output=of, file_hashes=file_hash))
    return file_hash


def run(selection: Optional[Iterable[RegressionTest]] = None, *, owners: Iterable[User] = (),
        stages: Iterable[TestStatus] = (), platform: TestPlatform = TestPlatform.linux,
        test_type: TestType = TestType.commit, branch: str = 'master', commit: Optional[str] = None,
        pr_nr: int = 0, github: str = MAIN_REPOSITORY) -> Test:
    """
    Add a run without results, which has reached some stages; without any it is queued.

    It has a row for each selected regression test, also for a repeated one. Without any it runs all tests there are.
    """
    new = add(Test(platform, test_type, fork(github).id, branch, commit or secrets.token_hex(20), pr_nr))
    db.session.add_all([CustomizedTest(test_id=new.id, regression_id=test.id) for test in selection or ()])
    db.session.add_all([TestFork(test_id=new.id, user_id=owner.id) for owner in owners])
    progress(new, *stages)
    return new


def progress(of: Test, *stages: TestStatus) -> list[TestProgress]:
    """Add stages to a run's progress."""
    rows = [TestProgress(of.id, stage, stage.description) for stage in stages]
    db.session.add_all(rows)
    db.session.flush()
    return rows


def result(of: Test, test: RegressionTest, outcome: Optional[Outcome] = None) -> TestResult:
    """Add a regression test's result to a run, with its files; by default all is as expected."""
    return record(db.session, of, test, outcome or passing(test))


@dataclass(frozen=True)
class Demo:
    """The run to retry, the ids of the regression tests that failed in it, and secrets by whose they are."""

    run_id: int
    failed: tuple[int, ...]
    tokens: dict[str, str]


DEMO_PASSWORD = 'password'


def seed_demo() -> Demo:
    """Make the tables and a story: three people, ten regression tests, a partly failed run of a pull request."""
    db.create_all()
    alice, bob, carol = (
        user(name, role, password=DEMO_PASSWORD)
        for name, role in (('alice', Role.contributor), ('bob', Role.user), ('carol', Role.admin)))
    tests = [
        regression_test('-out=srt -latin1', in_category='Broadcast'),
        regression_test('-autoprogram -out=ttxt -utf8', in_category='Broadcast', outputs=2),
        regression_test('-autoprogram -out=srt -datapid 2310', in_category='Broadcast'),
        regression_test('-svc 1 -out=sami', in_category='Broadcast'),
        regression_test('-out=srt -nofc -trim', in_category='DVD'),
        regression_test('-in=ps -out=smptett', in_category='DVD'),
        regression_test('-out=bin', in_category='DVD'),
        regression_test('-in=mp4 -out=srt', in_category='MP4'),
        regression_test('-in=mp4 -out=null', in_category='MP4', outputs=0, expected_rc=10),
        regression_test('-in=mp4 -out=webvtt -hauppauge', in_category='MP4', active=False),
    ]
    selected = [test for test in tests if test.active]
    crashes, differs, varies, makes_nothing = selected[1], selected[2], selected[4], selected[7]
    accepted = variant(varies.output_files[0])
    outcomes = {
        crashes.id: passing(crashes).exits(139),
        differs.id: passing(differs).makes(differs.output_files[0], digest()),
        varies.id: passing(varies).makes(varies.output_files[0], accepted),
        makes_nothing.id: passing(makes_nothing).exits(1).lacks(makes_nothing.output_files[0]),
    }
    source = run(selected, owners=[carol], stages=COMPLETED, test_type=TestType.pull_request, branch='pull_request',
                 commit='5f2a9c0e7d41b8836a1c4e90d2b7f3586ce1a904', pr_nr=1342)
    for test in selected:
        result(source, test, outcomes.get(test.id))
    demo = Demo(source.id, (crashes.id, differs.id, makes_nothing.id), {
        'alice': token(alice),
        'alice, reading only': token(alice, ['runs:read', 'results:read']),
        'bob': token(bob),
        'carol': token(carol),
    })
    db.session.commit()
    return demo


def bulk_regression_tests(count: int) -> list[int]:
    """Add many active regression tests of one output each, commit, and return their ids."""
    group, sample_id = category().id, sample().id
    tests = _new_ids('regression_test', count)
    outputs = _new_ids('regression_test_output', count)
    _insert('regression_test', [
        {'id': test, 'sample_id': sample_id, 'command': f'-out=srt -datapid {test}', 'expected_rc': 0}
        for test in tests])
    _insert('regression_test_category', [{'regression_id': test, 'category_id': group} for test in tests])
    _insert('regression_test_output', [
        {'id': key, 'regression_id': test, 'correct': f'{key:064x}', 'correct_extension': '.srt',
         'expected_filename': ''} for key, test in zip(outputs, tests)])
    db.session.commit()
    return list(tests)


def bulk_runs(count: int, tests_per_run: int, failed_per_run: int = 1) -> list[int]:
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
    expected = {row.id: row.expected_rc for row in db.session.execute(
        select(RegressionTest.id, RegressionTest.expected_rc))}
    outputs = db.session.execute(
        select(RegressionTestOutput.id, RegressionTestOutput.regression_id, RegressionTestOutput.correct)
        .where(RegressionTestOutput.regression_id.in_(tests))).all()
    repository = fork().id
    now = datetime.now(timezone.utc)

    runs = _new_ids('test', count)
    step = max(1, ROWS_AT_ONCE // max(1, tests_per_run))
    for start in range(0, count, step):
        part = runs[start:start + step]
        _insert('test', [
            {'id': key, 'platform': TestPlatform.linux, 'test_type': TestType.commit, 'token': f'{key:064d}',
             'fork_id': repository, 'branch': 'master', 'commit': f'{key:040x}', 'pr_nr': 0} for key in part])
        _insert('customized_test', [{'test_id': key, 'regression_id': test} for key in part for test in tests])
        _insert('test_progress', [
            {'test_id': key, 'status': stage, 'timestamp': now, 'message': stage.description}
            for key in part for stage in COMPLETED])
        _insert('test_result', [
            {'test_id': key, 'regression_test_id': test, 'runtime': 1200, 'expected_rc': expected[test],
             'exit_code': (expected[test] or 0) + 1 if place < failed_per_run else expected[test]}
            for key in part for place, test in enumerate(tests)])
        _insert('test_result_file', [
            {'test_id': key, 'regression_test_id': output.regression_id, 'regression_test_output_id': output.id,
             'expected': output.correct} for key in part for output in outputs])
    db.session.commit()
    return list(runs)


def _new_ids(table: str, count: int) -> range:
    last = db.session.scalar(select(func.max(Base.metadata.tables[table].c.id))) or 0
    return range(last + 1, last + 1 + count)


def _insert(table: str, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        db.session.execute(Base.metadata.tables[table].insert(), rows[start:start + ROWS_AT_ONCE])
