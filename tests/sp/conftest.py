"""The real platform with its mails, before which the client is tested."""

from on_platform.conftest import kind, process, rows, story, telling, unmounted

# These fixtures are used as they are.
__all__ = ['kind', 'process', 'rows', 'story', 'telling', 'unmounted']
