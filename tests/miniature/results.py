"""The rows of a regression test's result."""

from mod_test.models import TestResult, TestResultFile


def record(session, run, test, produced=None, **changes):
    """
    Write the rows of a regression test's result in a run, without committing them, and return the result.

    By default all is as expected, but for changes of the result's columns. Otherwise `produced` has the hash of each
    output's file, None for the expected file; an output that is not in it has no file.
    """
    if produced is None:
        produced = {output.id: None for output in test.output_files if not output.ignore}
    result = TestResult(**{'test_id': run.id, 'regression_test_id': test.id, 'runtime': 1200,
                           'exit_code': test.expected_rc, 'expected_rc': test.expected_rc, **changes})
    session.add(result)
    session.add_all([TestResultFile(test_id=run.id, regression_test_id=test.id, regression_test_output_id=output.id,
                                    expected=output.correct, got=produced[output.id])
                     for output in test.output_files if output.id in produced])
    session.flush()
    return result
