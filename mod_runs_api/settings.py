"""The settings, all optional. They are read and checked once, when the blueprint is registered (docs/settings.rst)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, cast
from urllib.parse import urlsplit

from limits import parse_many
from limits.storage import RedisClusterStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from .domain.retry import RetryRules
from .errors import MountError
from .platform.models import Role

#: Returns the value of a setting, from its name and the value in ``app.config``. Raises :exc:`MountError`.
Reader = Callable[[str, Any], Any]

#: How near a name must be to that of a setting to be refused as a misspelling of it, in the measure of difflib. No
#: setting of the platform, Flask or Flask's extensions is as near.
NEAR = 0.9


def _join(names: Iterable[str]) -> str:
    return ', '.join(sorted(names))


def _read_limit(name: str, limit: Any) -> str:
    try:
        parse_many(limit)
    except (TypeError, ValueError):
        raise MountError(f'{name} must read like "120 per minute", not {limit!r}.') from None
    return cast(str, limit)


def _read_storage_uri(name: str, uri: Any) -> str:
    try:
        scheme = urlsplit(uri).scheme
        # The storage of a cluster connects when it is built. So build another that has the same client.
        to_build = f'{scheme.partition("+")[0]}://' if scheme in RedisClusterStorage.STORAGE_SCHEME else uri
        FixedWindowRateLimiter(storage_from_string(to_build, **storage_options(to_build)))
    except Exception as error:  # The storages raise errors of many kinds, an AssertionError too.
        # Neither the URI nor the message of the error: there may be a password in them.
        raise MountError(f'{name} names no storage that can be used ({type(error).__name__}): it is no valid URI, '
                         'Flask-Limiter does not know its scheme, or its client is not installed. The client for '
                         '"redis://" is the package redis ("pip install redis").') from None
    return cast(str, uri)


def storage_options(uri: str) -> dict[str, str | int]:
    """Return the options of the storage with a URI in which requests are counted."""
    # A frozen Redis must not keep people waiting.
    return {'socket_timeout': 1, 'socket_connect_timeout': 1} if uri.startswith('redis') else {}


def _read_roles(name: str, roles: Any) -> frozenset[str]:
    if not isinstance(roles, (list, tuple, set, frozenset)) or not all(isinstance(role, str) for role in roles):
        raise MountError(f'{name} must be a list of role names, not {roles!r}.')
    known = {role.value for role in Role}
    # A misspelt role would silently keep its users from retrying.
    unknown = set(roles) - known
    if unknown:
        raise MountError(f'{name}: there is no role {_join(map(repr, unknown))}. The roles are {_join(known)}.')
    return frozenset(roles)


def _read_inactive_tests(name: str, word: Any) -> bool:
    if word not in ('reject', 'drop'):
        raise MountError(f'{name} must be "reject" or "drop", not {word!r}.')
    return bool(word == 'drop')


def _read_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise MountError(f'{name} must be True or False, not {value!r}.')
    return value


def _read_count(name: str, count: Any, least: int = 0) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise MountError(f'{name} must be an integer of at least {least}, not {count!r}.')
    return count


def _read_positive(name: str, count: Any) -> int:
    return _read_count(name, count, least=1)


@dataclass(frozen=True)
class Setting:
    """The name of a setting in ``app.config``, its default there, and the function that checks its value."""

    name: str
    default: object
    read: Reader


def _setting(name: str, default: object, read: Reader, **options: Any) -> Any:
    """Return a field for a setting."""
    return field(metadata={'setting': Setting(name, default, read)}, **options)


@dataclass(frozen=True)
class Settings:
    """The settings of one application, checked. A new one is a field here and a row in docs/settings.rst."""

    #: ``POST`` requests of one token, user of the dialog or address, and ``GET`` and ``HEAD`` requests.
    rate_limit: str = _setting('RUNS_API_RATE_LIMIT', '120 per minute', _read_limit)
    read_rate_limit: str = _setting('RUNS_API_READ_RATE_LIMIT', '120 per minute', _read_limit)
    #: Where they are counted. There may be a password in it.
    rate_limit_storage_uri: str = _setting('RUNS_API_RATE_LIMIT_STORAGE_URI', 'memory://', _read_storage_uri,
                                           repr=False)
    retry_roles: frozenset[str] = _setting('RUNS_API_RETRY_ROLES', ['admin', 'tester', 'contributor'], _read_roles)
    #: Whether a retry leaves out tests that are inactive now. Otherwise it is refused.
    drop_inactive_tests: bool = _setting('RUNS_API_INACTIVE_TESTS', 'reject', _read_inactive_tests)
    #: Whether every retry must meet the five conditions. Automatic retries always must, comments all but the first.
    checks: bool = _setting('RUNS_API_CHECKS', False, _read_flag)
    #: Whether a retry says at once, as the status of its commit, that it waits. This needs three of the mails.
    pending_status: bool = _setting('RUNS_API_PENDING_STATUS', False, _read_flag)
    #: How many automatic retries a root run may get; 0 switches them off.
    automatic_retries: int = _setting('RUNS_API_AUTOMATIC_RETRIES', 0, _read_count)
    #: How many of them may be in flight on one platform.
    automatic_retries_at_once: int = _setting('RUNS_API_AUTOMATIC_RETRIES_AT_ONCE', 2, _read_positive)
    #: How many retries of a root run the author of its pull request may request by comments without a role; 0 is off.
    author_retries: int = _setting('RUNS_API_AUTHOR_RETRIES', 0, _read_count)

    @property
    def retry_rules(self) -> RetryRules:
        """The rules that decide who may retry and whether a retry is refused."""
        return RetryRules(self.retry_roles, self.drop_inactive_tests, self.author_retries)


#: The settings by their fields.
SETTINGS: Mapping[str, Setting] = {
    field.name: field.metadata['setting'] for field in fields(Settings) if 'setting' in field.metadata}


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the settings of an application. Raises :exc:`MountError` if one has a value that it cannot have."""
    known = {setting.name for setting in SETTINGS.values()}
    for name in sorted(config.keys() - known):
        # A misspelt name would silently leave the default in force: no conditions, and everybody's roles. The platform
        # drops names in lower case, so only the check of config.py sees them.
        meant = get_close_matches(name.upper(), known, n=1, cutoff=NEAR)
        if meant or 'RUNS_API_' in name:
            raise MountError(f'There is no setting {name}.' + ''.join(f' Its name is {other}.' for other in meant))
    values = {field_name: setting.read(setting.name, config.get(setting.name, setting.default))
              for field_name, setting in SETTINGS.items()}
    return Settings(**values)
