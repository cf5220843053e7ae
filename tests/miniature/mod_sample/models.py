"""The media files that regression tests read."""

from typing import Optional

from database import Base
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column


class Sample(Base):
    """A media file, named by the hash of what is in it."""

    __tablename__ = 'sample'

    id: Mapped[int] = mapped_column(primary_key=True)
    sha: Mapped[Optional[str]] = mapped_column(String(128), unique=True)
    extension: Mapped[str] = mapped_column(String(64))
    original_name: Mapped[str] = mapped_column(Text)
