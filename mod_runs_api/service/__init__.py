"""
The use cases, one per module.

They share attempts, author, causes, conditions, master, status, users, validation and verdict.
"""
