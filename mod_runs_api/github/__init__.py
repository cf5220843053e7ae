"""Retries by comments and after builds, and the report on a pull request (docs/github.rst)."""

from ..domain.comments import CommentOutcome
from .builds import retry_after_build
from .report import retry_report
from .webhook import retry_from_comment

__all__ = ['CommentOutcome', 'retry_after_build', 'retry_from_comment', 'retry_report']
