"""
The functions for the platform's webhook and its report on a pull request (docs/github.rst).

This package is about what comes in from GitHub. All requests to GitHub are in ``platform/github.py``.
"""

from ..domain.comments import CommentOutcome
from .report import retry_report
from .webhook import retry_from_comment

__all__ = ['CommentOutcome', 'retry_from_comment', 'retry_report']
