"""Tests on a real MariaDB and a real Redis, with real processes."""
