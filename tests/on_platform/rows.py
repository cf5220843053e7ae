"""The rows of the platform's database: written and read past the platform, by its tables as they are."""

from datetime import datetime, timezone
from functools import cached_property
from itertools import count
from secrets import token_hex

from sqlalchemy import MetaData, NullPool, create_engine, insert, update
from support.rows import Rows

COMPLETED = ('preparation', 'testing', 'completed')


class PlatformRows(Rows):
    """The rows of one database that has the platform's tables."""

    def __init__(self, address):
        super().__init__(create_engine(address, poolclass=NullPool))
        self.address = address
        self._numbers = count(1)

    @cached_property
    def metadata(self):
        """All tables, as the database has them."""
        metadata = MetaData()
        metadata.reflect(self.engine)
        return metadata

    def add(self, table, **row):
        """Write a row, and give its id."""
        with self.engine.begin() as connection:
            return int(connection.execute(insert(self.metadata.tables[table]).values(row)).lastrowid)

    def add_all(self, table, rows):
        """Write rows that have the same columns."""
        if rows := list(rows):
            with self.engine.begin() as connection:
                connection.execute(insert(self.metadata.tables[table]), rows)

    def set(self, table, id, **values):
        """Change columns of a row."""
        changed = self.metadata.tables[table]
        with self.engine.begin() as connection:
            connection.execute(update(changed).where(changed.c.id == id).values(values))

    def clear(self):
        """Delete all rows."""
        with self.engine.begin() as connection:
            for table in reversed(self.metadata.sorted_tables):
                connection.execute(table.delete())

    # What the platform makes in its own way, as far as a retry is concerned

    def regression_test(self, *, outputs=1, active=True, category_id=1):
        """Write a regression test in a category, or in none, with outputs that are not to be ignored."""
        number = next(self._numbers)
        test_id = self.add('regression_test', sample_id=1, command=f'-test {number}', input_type='file',
                           output_type='file', expected_rc=0, active=active, description='')
        if category_id is not None:
            self.add('regression_test_category', regression_id=test_id, category_id=category_id)
        for _ in range(outputs):
            self.output(test_id)
        return test_id

    def output(self, test_id):
        """Write an output of a regression test that is not to be ignored."""
        return self.add('regression_test_output', regression_id=test_id, correct=f'correct{next(self._numbers)}',
                        correct_extension='.srt', expected_filename='', ignore=False)

    def run(self, tests=(), *, stages=COMPLETED, **configuration):
        """Write a run that has reached some stages, of some regression tests, without any results."""
        number = next(self._numbers)
        run_id = self.add('test', **{
            'platform': 'linux', 'test_type': 'pr', 'fork_id': 1, 'branch': 'pull_request',
            'commit': f'{number:040x}', 'pr_nr': 100 + number, 'token': token_hex(32), **configuration})
        for test_id in tests:
            self.add('customized_test', test_id=run_id, regression_id=test_id)
        for stage in stages:
            self.add('test_progress', test_id=run_id, status=stage, message=stage, timestamp=datetime(2026, 1, 1))
        return run_id

    def complete(self, run_id):
        """Write the progress row that completes a run."""
        self.add('test_progress', test_id=run_id, status='completed', message='', timestamp=now())

    def result(self, run_id, test_id, *, exit_code=0, expected_rc=0, got=None):
        """Write the result of a regression test, with a file for each of its outputs."""
        self.add('test_result', test_id=run_id, regression_test_id=test_id, runtime=1000, exit_code=exit_code,
                 expected_rc=expected_rc)
        for output in self.of('regression_test_output', regression_id=test_id):
            self.add('test_result_file', test_id=run_id, regression_test_id=test_id,
                     regression_test_output_id=output['id'], expected=output['correct'], got=got)


def now():
    """Give the time as the platform's columns have it."""
    return datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)


def seed_platform(rows):
    """Write what the platform's pages and every run need: a version, the main repository, a sample, a category."""
    rows.add('general_data', key='last_commit', value='0' * 40)
    rows.add('ccextractor_version', version='1.0', released=datetime(2026, 1, 1).date(), commit='0' * 40)
    rows.add('fork', id=1, github='https://github.com/CCExtractor/ccextractor.git')
    rows.add('sample', id=1, sha='5a' * 32, extension='ts', original_name='sample')
    rows.add('category', id=1, name='General', description='All tests')
