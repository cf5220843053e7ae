"""The machines that work on runs, and what keeps them from it."""

from datetime import datetime
from typing import Optional

from database import Base
from mod_test.models import TestPlatform
from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column


class BlockedUsers(Base):
    """A GitHub account (its number there) whose pull requests are not run."""

    __tablename__ = 'blocked_users'

    user_id: Mapped[int] = mapped_column(primary_key=True)
    comment: Mapped[Optional[str]] = mapped_column(Text)


class GcpInstance(Base):
    """A machine at work on a run; the row goes when the run ends."""

    __tablename__ = 'gcp_instance'

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    test_id: Mapped[Optional[int]] = mapped_column(ForeignKey('test.id'))
    timestamp: Mapped[datetime]

    def __init__(self, name: str, test_id: int, timestamp: Optional[datetime] = None) -> None:
        super().__init__(name=name, test_id=test_id, timestamp=timestamp or datetime.now())


class MaintenanceMode(Base):
    """Whether a platform starts no runs at present."""

    __tablename__ = 'maintenance_mode'

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[TestPlatform] = mapped_column(TestPlatform.db_type())
    disabled: Mapped[bool] = mapped_column(default=False)
