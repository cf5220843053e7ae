"""The access to the host: its models, its request state, its ends of runs, and its repository on GitHub."""
