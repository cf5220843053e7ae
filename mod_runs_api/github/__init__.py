"""Retries by comments and after builds, the report on a pull request, and the ready-made checks (docs/github.rst)."""

from ..domain.comments import CommentRefusal, CommentRetry
from ..service.checks import (author_is_not_blocked, build_artifact_exists, commit_is_not_superseded,
                              every_attempt_has_ended, pull_request_is_open)
from .builds import retry_after_build
from .reply import CommentOutcome
from .webhook import retry_from_comment

__all__ = ['CommentOutcome', 'CommentRefusal', 'CommentRetry', 'author_is_not_blocked', 'build_artifact_exists',
           'commit_is_not_superseded', 'every_attempt_has_ended', 'pull_request_is_open', 'retry_after_build',
           'retry_from_comment']
