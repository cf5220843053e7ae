"""Finding users of the platform."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState

from ..database.users import find_users
from ..domain.run import MAX_ID
from ..errors import InvalidFields
from ..extension import extension_state


def find_user_id(user: Any) -> int:
    """Return the id of a user, given by id, name or model. Raises :exc:`InvalidFields` if there is none."""
    state = extension_state()
    instance = inspect(user, raiseerr=False)
    if isinstance(instance, InstanceState) and isinstance(user, state.tables.host.User) and instance.identity:
        user = instance.identity[0]
    # The platform's connection, which speaks three-byte text, cannot ask for other names.
    is_name = isinstance(user, str) and all(0 < ord(c) < 0x10000 and not 0xD800 <= ord(c) < 0xE000 for c in user)
    is_id = type(user) is int and 1 <= user <= MAX_ID
    users = state.transactions.run(find_users, user) if is_name or is_id else []
    if not users:
        raise InvalidFields({'requested_by': ['There is no such user.']})
    return users[0].id
