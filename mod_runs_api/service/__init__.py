"""
The use cases, one per module, and the parts that they share.

The modules author, commit_status, conditions, master, users and validation are parts only. The sweep is two modules:
sweep_plan decides by the tables, and sweep asks GitHub and acts.
"""
