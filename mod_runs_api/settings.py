"""The settings, all optional. They are read and checked once, when the blueprint is registered (docs/settings.rst)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import signature
from typing import Any

from limits import parse_many
from werkzeug.utils import import_string

from .domain.retry import RetryRules
from .errors import MountError
from .host.github import CheckedRun

#: A check that may refuse a retry: it returns a sentence that says why not, or None.
Check = Callable[[CheckedRun], object]

NAMES = frozenset({
    'RUNS_API_RATE_LIMIT', 'RUNS_API_READ_RATE_LIMIT', 'RUNS_API_RATE_LIMIT_STORAGE_URI', 'RUNS_API_RETRY_ROLES',
    'RUNS_API_INACTIVE_TESTS', 'RUNS_API_BEFORE_RETRY', 'RUNS_API_AUTOMATIC_RETRIES',
    'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE'})

RATE_LIMIT = '120 per minute'
RETRY_ROLES = ('admin', 'tester', 'contributor')


@dataclass(frozen=True)
class Settings:
    """The settings of one application, checked."""

    #: ``POST`` requests of one token, user of the dialog or address, and all other requests.
    rate_limit: str
    read_rate_limit: str
    #: Where they are counted. There may be a password in it.
    rate_limit_storage_uri: str = field(repr=False)
    retry_roles: frozenset[str]
    #: Whether tests that are inactive now are left out, or else refuse the retry.
    drop_inactive_tests: bool
    before_retry: tuple[Check, ...]
    #: How many automatic retries a first run may get; 0 switches them off.
    automatic_retries: int
    #: How many of them may be in flight on one platform.
    automatic_retries_at_once: int
    #: How long the platform lets a machine run.
    max_runtime: timedelta

    @property
    def retry_rules(self) -> RetryRules:
        """The rules that decide whether a retry is refused."""
        return RetryRules(drop_inactive_tests=self.drop_inactive_tests)


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the settings of an application. Raises :exc:`MountError` if one has a value that it cannot have."""
    # A misspelt name would pass for a default: no checks, and everybody's roles.
    unknown = {name for name in config if name.startswith('RUNS_API_')} - NAMES
    if unknown:
        raise MountError(f'There is no setting {", ".join(sorted(unknown))}.')
    storage_uri = config.get('RUNS_API_RATE_LIMIT_STORAGE_URI', 'memory://')
    if not isinstance(storage_uri, str) or not storage_uri:
        raise MountError(f'RUNS_API_RATE_LIMIT_STORAGE_URI must be a URI, not {storage_uri!r}.')
    roles = config.get('RUNS_API_RETRY_ROLES', RETRY_ROLES)
    if not isinstance(roles, (list, tuple, set, frozenset)) or not all(isinstance(role, str) for role in roles):
        raise MountError(f'RUNS_API_RETRY_ROLES must be a list of role names, not {roles!r}.')
    inactive = config.get('RUNS_API_INACTIVE_TESTS', 'reject')
    if inactive not in ('reject', 'drop'):
        raise MountError(f'RUNS_API_INACTIVE_TESTS must be "reject" or "drop", not {inactive!r}.')
    return Settings(rate_limit=_read_limit(config, 'RUNS_API_RATE_LIMIT'),
                    read_rate_limit=_read_limit(config, 'RUNS_API_READ_RATE_LIMIT'),
                    rate_limit_storage_uri=storage_uri,
                    retry_roles=frozenset(roles),
                    drop_inactive_tests=inactive == 'drop',
                    before_retry=_read_checks(config.get('RUNS_API_BEFORE_RETRY')),
                    automatic_retries=_read_count(config, 'RUNS_API_AUTOMATIC_RETRIES', 0, least=0),
                    automatic_retries_at_once=_read_count(config, 'RUNS_API_AUTOMATIC_RETRIES_AT_ONCE', 2),
                    max_runtime=timedelta(minutes=_read_count(config, 'GCP_INSTANCE_MAX_RUNTIME', 120)))


def _read_limit(config: Mapping[str, Any], name: str) -> str:
    limit: str = config.get(name, RATE_LIMIT)
    try:
        parse_many(limit)
    except (TypeError, ValueError):
        raise MountError(f'{name} must read like "120 per minute", not {limit!r}.') from None
    return limit


def _read_checks(value: Any) -> tuple[Check, ...]:
    checks = []
    for check in value if isinstance(value, (list, tuple)) else [] if value is None else [value]:
        try:
            checks.append(import_string(check) if isinstance(check, str) else check)
        except (Exception, SystemExit) as error:  # Whatever importing somebody else's module may come to.
            raise MountError(f'RUNS_API_BEFORE_RETRY: {check!r} cannot be imported: {type(error).__name__}.') from None
    for check in checks:
        if not _takes_a_run(check):
            raise MountError('RUNS_API_BEFORE_RETRY: each check must be a function or an object that is called with '
                             f'one argument, or the dotted name of one, not {check!r}.')
    # Each once. By equality: a check may not be hashable.
    return tuple(check for number, check in enumerate(checks) if check not in checks[:number])


def _takes_a_run(check: object) -> bool:
    """Return whether a check can be called with a run. Calling a class makes an object, which is no answer."""
    if not callable(check) or isinstance(check, type):
        return False
    try:
        signature(check).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _read_count(config: Mapping[str, Any], name: str, default: int, least: int = 1) -> int:
    count = config.get(name, default)
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise MountError(f'{name} must be an integer of at least {least}, not {count!r}.')
    return count
