"""Retries that are asked for in a comment on GitHub, and what GitHub is told and asked about the others."""

from .checks import (author_is_not_blocked, build_artifact_exists,
                     commit_is_not_superseded, pull_request_is_open)
from .reply import CommentOutcome, CommentRefusal, CommentRetry
from .status import post_queued_status
from .webhook import retry_from_comment

__all__ = ['CommentOutcome', 'CommentRefusal', 'CommentRetry', 'author_is_not_blocked', 'build_artifact_exists',
           'commit_is_not_superseded', 'post_queued_status', 'pull_request_is_open', 'retry_from_comment']
