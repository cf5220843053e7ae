"""The settings, all optional: read from the application's configuration (contract section 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import MountError

#: Every setting with its default.
DEFAULTS: dict[str, Any] = {
    # Requests in a window of one token, and of one address without a valid token.
    'RUNS_API_RATE_LIMIT': '120 per minute',
    # Where the counts are kept; "redis://host:6379" where several worker processes share them.
    'RUNS_API_RATE_LIMIT_STORAGE_URI': 'memory://',
    # The roles that may retry a run.
    'RUNS_API_RETRY_ROLES': ('admin', 'tester', 'contributor'),
    # What is done about tests that are inactive now: "reject" refuses the retry, "drop" leaves them out.
    'RUNS_API_INACTIVE_TESTS': 'reject',
    # A callable that may refuse a retry: it takes the run as a `Source`, and returns why not, or None.
    'RUNS_API_BEFORE_RETRY': None,
}


@dataclass(frozen=True)
class Settings:
    """The settings of one application, checked."""

    rate_limit: str
    rate_limit_storage_uri: str = field(repr=False)  # There may be a password in it.
    retry_roles: frozenset[str]
    drop_inactive_tests: bool
    before_retry: Callable[[Any], str | None] | None


def read(config: Mapping[str, Any]) -> Settings:
    """
    Read the settings and check them.

    Parameters
    ----------
    config : Mapping
        The configuration of the application.

    Returns
    -------
    Settings

    Raises
    ------
    MountError
        A setting has a value that it cannot have.
    """
    values = {name: config.get(name, default) for name, default in DEFAULTS.items()}

    rate_limit = values['RUNS_API_RATE_LIMIT']
    if rate_limit != DEFAULTS['RUNS_API_RATE_LIMIT']:
        _check_rate_limit(rate_limit)

    storage_uri = values['RUNS_API_RATE_LIMIT_STORAGE_URI']
    if not isinstance(storage_uri, str) or not storage_uri:
        raise MountError(f'RUNS_API_RATE_LIMIT_STORAGE_URI must be an address, not {storage_uri!r}.')

    roles = values['RUNS_API_RETRY_ROLES']
    if not isinstance(roles, (list, tuple, set, frozenset)) or not all(isinstance(role, str) for role in roles):
        raise MountError(f'RUNS_API_RETRY_ROLES must be a list of role names, not {roles!r}.')

    inactive = values['RUNS_API_INACTIVE_TESTS']
    if inactive not in ('reject', 'drop'):
        raise MountError(f'RUNS_API_INACTIVE_TESTS must be "reject" or "drop", not {inactive!r}.')

    before_retry = values['RUNS_API_BEFORE_RETRY']
    if before_retry is not None and not callable(before_retry):
        raise MountError(f'RUNS_API_BEFORE_RETRY must be callable, not {before_retry!r}.')

    return Settings(rate_limit=rate_limit,
                    rate_limit_storage_uri=storage_uri,
                    retry_roles=frozenset(roles),
                    drop_inactive_tests=inactive == 'drop',
                    before_retry=before_retry)


def _check_rate_limit(rate_limit: Any) -> None:
    # Here, because with the default nothing need be imported at the mount: see `limits`.
    from limits import parse_many
    try:
        parse_many(rate_limit)
    except (TypeError, ValueError):
        raise MountError(f'RUNS_API_RATE_LIMIT must read like "120 per minute", not {rate_limit!r}.') from None
