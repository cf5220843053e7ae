"""
The platform's models that the package uses.

The package supports one platform, and imports its models as the platform's own blueprints do (docs/decisions.rst). If
the platform lacks one of them, Python's ``ImportError`` names it.
"""

from sqlalchemy import SQLColumnExpression, null

from database import Base, DeclEnum
from mod_api.models.api_token import ApiToken
from mod_auth.models import Role, User
from mod_ci.models import BlockedUsers, MaintenanceMode
from mod_customized.models import CustomizedTest, TestFork
from mod_regression.models import (RegressionTest, RegressionTestOutput,
                                   RegressionTestOutputFiles,
                                   regressionTestLinkTable)
from mod_test.models import (Fork, Test, TestPlatform, TestProgress,
                             TestResult, TestResultFile)

__all__ = ['ApiToken', 'Base', 'BlockedUsers', 'CustomizedTest', 'DeclEnum', 'Fork', 'MaintenanceMode',
           'RegressionTest', 'RegressionTestOutput', 'RegressionTestOutputFiles', 'Role', 'Test', 'TestFork',
           'TestPlatform', 'TestProgress', 'TestResult', 'TestResultFile', 'User', 'built_commit',
           'regressionTestLinkTable']

#: The commit that the program of a run was built from. Older versions of the platform do not store it.
built_commit: SQLColumnExpression[str | None] = getattr(Test, 'built_commit', null())
