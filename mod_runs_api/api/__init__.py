"""The API: the routes, and how they answer (docs/api.rst)."""
