"""Retries that are asked for in a comment on GitHub, and what GitHub is told and asked about the others."""

from .webhook import (CommentOutcome, CommentRefusal, CommentRetry,
                      build_artifact_exists, post_queued_status,
                      retry_from_comment)

__all__ = ['CommentOutcome', 'CommentRefusal', 'CommentRetry', 'build_artifact_exists', 'post_queued_status',
           'retry_from_comment']
