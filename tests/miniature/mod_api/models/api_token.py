"""The tokens of the platform's interface for programs."""

import hashlib
import json
import secrets
from datetime import datetime, timedelta, timezone
from typing import Optional

from database import Base
from mod_auth.models import User
from sqlalchemy import DateTime, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

TOKEN_PREFIX = 'spci_'
VALID_SCOPES = frozenset({
    'runs:read', 'runs:write', 'results:read', 'baselines:write', 'system:read', 'system:write', 'tokens:manage'})


class ApiToken(Base):
    """A person's token. What is kept is its hash, and enough of its beginning to find it by."""

    __tablename__ = 'api_token'
    __table_args__ = (
        UniqueConstraint('user_id', 'token_name', name='uq_user_token_name'),
        {'mysql_engine': 'InnoDB'},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey('user.id', onupdate='CASCADE', ondelete='CASCADE'))
    token_name: Mapped[str] = mapped_column(String(50))
    token_hash: Mapped[str] = mapped_column(String(255))
    token_prefix: Mapped[str] = mapped_column(String(16), index=True)
    scopes_json: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[Optional[datetime]] = mapped_column(DateTime(timezone=True))

    user: Mapped[User] = relationship('User')

    def __init__(self, user_id: int, token_name: str, token_hash: str, token_prefix: str, scopes: list[str],
                 expires_in_days: int = 7) -> None:
        now = datetime.now(timezone.utc)
        super().__init__(user_id=user_id, token_name=token_name, token_hash=token_hash, token_prefix=token_prefix,
                         scopes_json=json.dumps(scopes), created_at=now,
                         expires_at=now + timedelta(days=expires_in_days))

    @validates('scopes_json')
    def _only_known_scopes(self, _key: str, value: str) -> str:
        unknown = set(json.loads(value)) - VALID_SCOPES
        if unknown:
            raise ValueError(f'no such scope: {", ".join(sorted(unknown))}')
        return value

    @staticmethod
    def generate_token() -> str:
        """Make a secret to hand out once."""
        return TOKEN_PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def hash_token(plaintext: str) -> str:
        """Return what is stored of a secret."""
        return hashlib.sha256(plaintext.encode()).hexdigest()

    @staticmethod
    def extract_prefix(token: str) -> str:
        """Return the part of a secret that its row is looked up by."""
        return token[:16]
