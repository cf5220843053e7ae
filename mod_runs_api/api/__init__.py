"""The API: the routes, and how they answer (contract section 1)."""
