"""The use cases, one per module. They share attempts, author, causes, checks, master, users, validation, verdict."""
