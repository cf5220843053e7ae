"""The rules of the domain as they stand: no database, no application."""
