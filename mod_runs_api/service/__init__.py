"""
The use cases, one per module.

They share attempts, author, carry_over, commit_status, conditions, master, retry, users, validation and verdict. The
sweep is two modules: sweep_plan decides by the tables, and sweep asks GitHub and acts.
"""
