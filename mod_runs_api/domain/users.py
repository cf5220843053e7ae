"""Users of the platform."""

from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    """A user."""

    id: int
    name: str | None
    role: str | None

    @classmethod
    def from_row(cls, id: int, name: str | None, role: str | None) -> 'User':
        """Return the user in a row. The platform ignores blanks around a role."""
        return cls(id, name, role and role.strip())

    @property
    def is_deactivated(self) -> bool:
        """Whether the account was deactivated: the platform takes its name away, and leaves role and GitHub account."""
        return not self.name or self.name == f'Anonymous {self.id}'
