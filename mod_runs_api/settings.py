"""The settings, all optional. They are read and checked once, when the blueprint is registered (docs/settings.rst)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from limits import parse_many
from werkzeug.utils import ImportStringError, import_string

from .errors import MountError
from .host.github import CheckedRun

#: A check that may refuse a retry: it returns a sentence that says why not, or None.
Check = Callable[[CheckedRun], object]

#: Every setting with its default.
DEFAULTS: dict[str, Any] = {
    # POST requests of one token, or of one address without a valid token.
    'RUNS_API_RATE_LIMIT': '120 per minute',
    # All other requests.
    'RUNS_API_READ_RATE_LIMIT': '120 per minute',
    # Where they are counted: "redis://host:6379" where several worker processes share the counts.
    'RUNS_API_RATE_LIMIT_STORAGE_URI': 'memory://',
    # The roles that may retry a run.
    'RUNS_API_RETRY_ROLES': ('admin', 'tester', 'contributor'),
    # Tests that are inactive now: "reject" refuses the retry, "drop" leaves them out.
    'RUNS_API_INACTIVE_TESTS': 'reject',
    # A check that may refuse a retry, or a list of them: callables, or their dotted names.
    'RUNS_API_BEFORE_RETRY': (),
    # How many automatic retries the sweep may make of a run that did not end by the code; 0 switches it off.
    'RUNS_API_AUTOMATIC_RETRIES': 0,
    # How many of them may be in flight on one platform.
    'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE': 2,
}

#: The platform's own setting that the package reads: for how many minutes it lets a machine run.
PLATFORM_DEFAULTS = {'GCP_INSTANCE_MAX_RUNTIME': 120}


@dataclass(frozen=True)
class Settings:
    """The settings of one application, checked."""

    rate_limit: str
    read_rate_limit: str
    rate_limit_storage_uri: str = field(repr=False)  # There may be a password in it.
    retry_roles: frozenset[str]
    drop_inactive_tests: bool
    before_retry: tuple[Check, ...]
    automatic_retries: int
    automatic_retries_at_once: int
    max_runtime: timedelta


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the settings of an application. Raises :exc:`MountError` if one has a value that it cannot have."""
    values = {name: config.get(name, default) for name, default in (DEFAULTS | PLATFORM_DEFAULTS).items()}

    storage_uri = values['RUNS_API_RATE_LIMIT_STORAGE_URI']
    if not isinstance(storage_uri, str) or not storage_uri:
        raise MountError(f'RUNS_API_RATE_LIMIT_STORAGE_URI must be a URI, not {storage_uri!r}.')

    roles = values['RUNS_API_RETRY_ROLES']
    if not isinstance(roles, (list, tuple, set, frozenset)) or not all(isinstance(role, str) for role in roles):
        raise MountError(f'RUNS_API_RETRY_ROLES must be a list of role names, not {roles!r}.')

    inactive = values['RUNS_API_INACTIVE_TESTS']
    if inactive not in ('reject', 'drop'):
        raise MountError(f'RUNS_API_INACTIVE_TESTS must be "reject" or "drop", not {inactive!r}.')

    return Settings(rate_limit=_read_limit(values, 'RUNS_API_RATE_LIMIT'),
                    read_rate_limit=_read_limit(values, 'RUNS_API_READ_RATE_LIMIT'),
                    rate_limit_storage_uri=storage_uri,
                    retry_roles=frozenset(roles),
                    drop_inactive_tests=inactive == 'drop',
                    before_retry=_read_checks(values['RUNS_API_BEFORE_RETRY']),
                    automatic_retries=_read_count(values, 'RUNS_API_AUTOMATIC_RETRIES', 0),
                    automatic_retries_at_once=_read_count(values, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE', 1),
                    max_runtime=timedelta(minutes=_read_count(values, 'GCP_INSTANCE_MAX_RUNTIME', 1)))


def _read_limit(values: Mapping[str, Any], name: str) -> str:
    limit: str = values[name]
    try:
        parse_many(limit)
    except (TypeError, ValueError):
        raise MountError(f'{name} must read like "120 per minute", not {limit!r}.') from None
    return limit


def _read_checks(value: Any) -> tuple[Check, ...]:
    if value is None:
        return ()
    checks = []
    for check in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(check, str):
            try:
                check = import_string(check)
            except ImportStringError:
                raise MountError(f'RUNS_API_BEFORE_RETRY: {check!r} cannot be imported.') from None
        if not callable(check):
            raise MountError('RUNS_API_BEFORE_RETRY must be a callable, its dotted name, or a list of these, '
                             f'not {value!r}.')
        checks.append(check)
    return tuple(checks)


def _read_count(values: Mapping[str, Any], name: str, least: int) -> int:
    count = values[name]
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise MountError(f'{name} must be an integer of at least {least}, not {count!r}.')
    return count
