"""People and their roles."""

from typing import Optional

from database import Base, DeclEnum
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash


class Role(DeclEnum):
    """What a person may do."""

    admin = 'admin', 'Admin'
    user = 'user', 'User'
    contributor = 'contributor', 'Contributor'
    tester = 'tester', 'Tester'


class User(Base):
    """A person with an account."""

    __tablename__ = 'user'
    __table_args__ = {'mysql_engine': 'InnoDB'}

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Optional[str]] = mapped_column(String(50), unique=True)
    email: Mapped[Optional[str]] = mapped_column(String(255), unique=True)
    github_token: Mapped[Optional[str]] = mapped_column(Text)
    github_login: Mapped[Optional[str]] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
    role: Mapped[Optional[Role]] = mapped_column(Role.db_type())

    @staticmethod
    def generate_hash(password: str) -> str:
        """Hash a password for storing."""
        return generate_password_hash(password)

    def is_password_valid(self, password: str) -> bool:
        """Return whether this is the user's password."""
        return check_password_hash(self.password, password)

    @property
    def is_admin(self) -> bool:
        """Return whether the user is an administrator."""
        return self.role is Role.admin
