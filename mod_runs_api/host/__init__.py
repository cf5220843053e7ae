"""The access to the host: its models, its request state, its log, and its functions for GitHub."""
