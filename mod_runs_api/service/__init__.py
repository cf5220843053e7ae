"""
The use cases, one per module.

They share attempts, author, conditions, master, status, users, validation and verdict.
"""
