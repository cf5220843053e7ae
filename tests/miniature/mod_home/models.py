"""Facts the platform keeps about itself."""

from typing import Optional

from database import Base
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column


class GeneralData(Base):
    """A named value, such as the last commit of master that was run."""

    __tablename__ = 'general_data'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[Optional[str]] = mapped_column(String(64), unique=True)
    value: Mapped[str] = mapped_column(Text)
