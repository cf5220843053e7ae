"""The use cases, one per module, and the checks, users and validation that they share."""
