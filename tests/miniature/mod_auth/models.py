"""People and their roles."""

from typing import Optional

from database import Base, DeclEnum
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Role(DeclEnum):
    """What a person may do."""

    admin = 'admin', 'Admin'
    user = 'user', 'User'
    contributor = 'contributor', 'Contributor'
    tester = 'tester', 'Tester'


class User(Base):
    """A person with an account."""

    __tablename__ = 'user'
    __table_args__ = {'sqlite_autoincrement': True}

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Optional[str]] = mapped_column(String(50), unique=True)
    email: Mapped[Optional[str]] = mapped_column(String(255), unique=True)
    github_login: Mapped[Optional[str]] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
    role: Mapped[Optional[Role]] = mapped_column(Role.db_type())
