"""
All SQL of the package.

The functions take a connection, whose transaction :class:`mod_runs_api.database.transactions.Transactions` begins and
ends. They use the platform's models (``platform/models.py``) and the package's own tables (``tables.py``).
"""
