"""Outcomes on a server, whose collation takes different hashes for the same."""

import pytest
import seed
from application import hosted
from database import db
from sqlalchemy import event
from support.outcomes import NOT_SELECTED, SELECTED, assert_marks_count, assert_shown

from mod_runs_api import InternalError
from mod_runs_api.extension import extension_state
from mod_runs_api.service.attempts import read_attempts_page


@pytest.mark.parametrize('executions', [SELECTED, NOT_SELECTED], ids=['with rows', 'without rows'])
def test_the_verdict_shows_each_outcome(database, executions):
    with hosted(database.uri):
        assert_shown(executions)


def test_the_mark_of_a_carried_over_result_counts_while_the_end_is_there(database):
    with hosted(database.uri):
        assert_marks_count()


def test_a_server_that_cuts_lists_answers_right_or_not_at_all(database):
    with hosted(database.uri):
        run_id, = seed.bulk_runs(1, 300)
        db.session.commit()
        whole = extension_state().transactions.run(read_attempts_page, run_id, 1, 0).attempts
        assert whole[0].tests == 300

        @event.listens_for(db.engine, 'begin')
        def lower_the_limit(connection):
            connection.exec_driver_sql('SET SESSION group_concat_max_len = 1024')

        try:
            cut = extension_state().transactions.run(read_attempts_page, run_id, 1, 0).attempts
        except InternalError as error:
            assert 'group_concat_max_len' in error.fault
        else:
            assert cut == whole
