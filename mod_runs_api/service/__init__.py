"""
The use cases, one per module.

They share attempts, author, commit_status, conditions, master, sweep_plan, users, validation and verdict.
"""
