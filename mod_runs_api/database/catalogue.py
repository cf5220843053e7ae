"""Reading the regression tests of the platform, as they are now."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, select

from ..domain.catalogue import Catalogue
from ..platform.models import RegressionTest, regressionTestLinkTable


def read_catalogue(connection: Connection) -> Catalogue:
    """Return the regression tests of the platform."""
    is_in_category = exists().where(regressionTestLinkTable.c.regression_id == RegressionTest.id)
    tests = connection.execute(
        select(RegressionTest.id, RegressionTest.active, RegressionTest.expected_rc,
               is_in_category.label('is_in_category'))).all()
    return Catalogue(active={test.id for test in tests if test.active},
                     in_category={test.id for test in tests if test.is_in_category},
                     expected_rc={test.id: test.expected_rc for test in tests})


def read_command_lines(connection: Connection, regression_test_ids: Collection[int]) -> dict[int, str]:
    """Return the command line of each regression test."""
    rows = connection.execute(select(RegressionTest.id, RegressionTest.command)
                              .where(RegressionTest.id.in_(regression_test_ids)))
    return {regression_test_id: command for regression_test_id, command in rows}
