"""The tokens of the platform's interface for programs."""

import hashlib
from datetime import datetime
from typing import Optional

from database import Base
from sqlalchemy import DateTime, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class ApiToken(Base):
    """A person's token. What is kept is its hash, and enough of its beginning to find it by."""

    __tablename__ = 'api_token'

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey('user.id', ondelete='CASCADE'))
    token_name: Mapped[str] = mapped_column(String(50))
    token_hash: Mapped[str] = mapped_column(String(255))
    token_prefix: Mapped[str] = mapped_column(String(16), index=True)
    scopes_json: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[Optional[datetime]] = mapped_column(DateTime(timezone=True))

    @staticmethod
    def hash_token(plaintext: str) -> str:
        """Return what is stored of a secret."""
        return hashlib.sha256(plaintext.encode()).hexdigest()
