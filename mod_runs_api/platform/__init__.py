"""The access to the platform: its models, its request state, its ends of runs, and its repository on GitHub."""
