"""The use cases, one a module, each in transactions of its own."""
