"""
Rows to begin with: small factories, a story for the demo, and a great many rows at once.

All of it adds to the session of the current application and flushes; only `seed_demo` and the bulk functions commit.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Iterable, Optional, Sequence, TypeVar

from database import Base, db
from mod_api.models.api_token import ApiToken
from mod_auth.models import Role, User
from mod_customized.models import CustomizedTest, TestFork
from mod_regression.models import (Category, InputType, OutputType,
                                   RegressionTest, RegressionTestOutput,
                                   RegressionTestOutputFiles)
from mod_sample.models import Sample
from mod_test.models import (Fork, Test, TestPlatform, TestProgress,
                             TestResult, TestStatus, TestType)
from outcome import Outcome, passing, record
from sqlalchemy import func, select

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
    """
    Add a user.

    Parameters
    ----------
    name : str
        At most 50 characters; one user a name.
    role : Role or None
        What they may do; the column may be null.
    password : str or None
        What they log in with. Without one they cannot.
    github_login : str or None
        Their name on GitHub.

    Returns
    -------
    User
        The user.
    """
    stored = '' if password is None else User.generate_hash(password)
    return add(User(name=name, role=role, email=f'{name}@example.org', github_login=github_login, password=stored))


def token(owner: User, scopes: Iterable[str] = READ_AND_WRITE, *, name: Optional[str] = None,
          expires_in_days: int = 7, revoked: bool = False) -> str:
    """
    Add a token.

    Parameters
    ----------
    owner : User
        Whose token it is.
    scopes : iterable of str
        What it permits.
    name : str or None
        At most 50 characters, one token a name for each user; by default one is made up.
    expires_in_days : int
        How long it is good for; below zero for one that has expired.
    revoked : bool
        Whether it has been revoked.

    Returns
    -------
    str
        The secret, as it goes in the request's header.
    """
    secret = ApiToken.generate_token()
    row = ApiToken(owner.id, name or f'token {secrets.token_hex(4)}', ApiToken.hash_token(secret),
                   ApiToken.extract_prefix(secret), list(scopes), expires_in_days)
    if revoked:
        row.revoked_at = datetime.now(timezone.utc)
    add(row)
    return secret


def category(name: str = 'General') -> Category:
    """Find the category of this name, or add it."""
    found = db.session.scalars(select(Category).where(Category.name == name)).first()
    return found or add(Category(name=name, description=f'Samples of the group {name}'))


def fork(github: str = MAIN_REPOSITORY) -> Fork:
    """Find the repository of this address, or add it."""
    found = db.session.scalars(select(Fork).where(Fork.github == github)).first()
    return found or add(Fork(github=github))


def regression_test(command: str = '-out=srt -latin1', *, in_category: str = 'General', outputs: int = 1,
                    expected_rc: Optional[int] = 0, active: bool = True) -> RegressionTest:
    """
    Add a regression test with a sample of its own.

    Parameters
    ----------
    command : str
        Its command line.
    in_category : str
        The name of its category.
    outputs : int
        How many outputs it is expected to make.
    expected_rc : int or None
        The exit code it should end with.
    active : bool
        Whether new runs are to run it.

    Returns
    -------
    RegressionTest
        The test; its outputs are in `output_files`.
    """
    sample = Sample(sha=digest(), extension='ts', original_name='recording')
    test = RegressionTest(
        sample=sample, command=command, input_type=InputType.file, output_type=OutputType.file,
        expected_rc=expected_rc, active=active, description='', categories=[category(in_category)])
    db.session.add_all(_output(test, ignore=False) for _ in range(outputs))
    return add(test)


def regression_tests(count: int) -> list[RegressionTest]:
    """Add several of them."""
    return [regression_test() for _ in range(count)]


def output(test: RegressionTest, *, ignore: Any = False) -> RegressionTestOutput:
    """Add an output that a regression test is expected to make, or may make if it is to be ignored."""
    return add(_output(test, ignore))


def _output(test: RegressionTest, ignore: bool) -> RegressionTestOutput:
    return RegressionTestOutput(regression_test=test, correct=digest(), correct_extension='.srt', expected_filename='',
                                ignore=ignore)


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
    Add a run.

    Parameters
    ----------
    selection : iterable of RegressionTest, or None
        What it runs, a row for each, also for a repeated one. None, like an empty one, means all tests there are.
    owners : iterable of User
        Who owns it.
    stages : iterable of TestStatus
        Its progress so far; none means queued.
    platform, test_type, branch, commit, pr_nr, github
        Its configuration; the commit is made up by default.

    Returns
    -------
    Test
        The run, without results.
    """
    new = add(Test(platform, test_type, fork(github).id, branch, commit or secrets.token_hex(20), pr_nr))
    db.session.add_all([CustomizedTest(test_id=new.id, regression_id=test.id) for test in selection or ()])
    db.session.add_all([TestFork(test_id=new.id, user_id=owner.id) for owner in owners])
    db.session.flush()
    progress(new, *stages)
    return new


def progress(of: Test, *stages: TestStatus) -> list[TestProgress]:
    """Add stages to a run's progress."""
    rows = [TestProgress(of.id, stage, stage.description) for stage in stages]
    db.session.add_all(rows)
    db.session.flush()
    return rows


def result(of: Test, test: RegressionTest, outcome: Optional[Outcome] = None) -> TestResult:
    """
    Add a regression test's result to a run, with its files.

    Parameters
    ----------
    of : Test
        The run.
    test : RegressionTest
        The test.
    outcome : Outcome or None
        How it came out, for instance `passing(test).exits(1)`; by default all is as expected.

    Returns
    -------
    TestResult
        The row of the result.
    """
    return record(db.session, of, test, outcome or passing(test))


@dataclass(frozen=True)
class Demo:
    """
    What `seed_demo` has made.

    Attributes
    ----------
    run_id : int
        The run to retry.
    failed : tuple of int
        The ids of the regression tests that failed in it.
    tokens : dict of str to str
        Secrets, by whose they are.
    """

    run_id: int
    failed: tuple[int, ...]
    tokens: dict[str, str]


DEMO_PASSWORD = 'password'


def seed_demo() -> Demo:
    """
    Make the tables and a small story: three people, ten regression tests, and a partly failed run of a pull request.

    Returns
    -------
    Demo
        Where to begin.
    """
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
    demo = Demo(
        run_id=source.id,
        failed=(crashes.id, differs.id, makes_nothing.id),
        tokens={
            'alice': token(alice),
            'alice, reading only': token(alice, ['runs:read', 'results:read']),
            'bob': token(bob),
            'carol': token(carol),
        })
    db.session.commit()
    return demo


def bulk_regression_tests(count: int) -> list[int]:
    """
    Add many active regression tests of one output each, and commit.

    Parameters
    ----------
    count : int
        How many.

    Returns
    -------
    list of int
        Their ids.
    """
    group = category().id
    sample = add(Sample(sha=digest(), extension='ts', original_name='recording')).id
    tests = _new_ids('regression_test', count)
    outputs = _new_ids('regression_test_output', count)
    _insert('regression_test', [
        {'id': test, 'sample_id': sample, 'command': f'-out=srt -datapid {test}', 'input_type': InputType.file,
         'output_type': OutputType.file, 'expected_rc': 0, 'active': True} for test in tests])
    _insert('regression_test_category', [{'regression_id': test, 'category_id': group} for test in tests])
    _insert('regression_test_output', [
        {'id': key, 'regression_id': test, 'correct': f'{key:064x}', 'correct_extension': '.srt',
         'expected_filename': '', 'ignore': False} for key, test in zip(outputs, tests)])
    db.session.commit()
    return list(tests)


def bulk_runs(count: int, tests_per_run: int, failed_per_run: int = 1) -> list[int]:
    """
    Add many completed runs of the same regression tests, with results, and commit.

    Parameters
    ----------
    count : int
        How many runs.
    tests_per_run : int
        How many regression tests each selects and has results of: the first active ones. Missing ones are added.
    failed_per_run : int
        How many of those ended with a wrong exit code in each run: the first ones.

    Returns
    -------
    list of int
        The ids of the runs.
    """
    tests = list(db.session.scalars(
        select(RegressionTest.id).where(RegressionTest.active.is_(True)).order_by(RegressionTest.id)
        .limit(tests_per_run)))
    if len(tests) < tests_per_run:
        tests += bulk_regression_tests(tests_per_run - len(tests))
    expected = {row.id: row.expected_rc for row in db.session.execute(
        select(RegressionTest.id, RegressionTest.expected_rc))}
    outputs: dict[int, list[Any]] = {test: [] for test in tests}
    for row in db.session.execute(select(
            RegressionTestOutput.id, RegressionTestOutput.regression_id, RegressionTestOutput.correct)):
        if row.regression_id in outputs:
            outputs[row.regression_id].append(row)
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
            {'test_id': key, 'regression_test_id': test, 'regression_test_output_id': row.id, 'expected': row.correct,
             'got': None} for key in part for test in tests for row in outputs[test]])
    db.session.commit()
    return list(runs)


def _new_ids(table: str, count: int) -> range:
    last = db.session.scalar(select(func.max(Base.metadata.tables[table].c.id))) or 0
    return range(last + 1, last + 1 + count)


def _insert(table: str, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        db.session.execute(Base.metadata.tables[table].insert(), rows[start:start + ROWS_AT_ONCE])
