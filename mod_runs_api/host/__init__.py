"""The one door to the host: its models, its request state, and its access to GitHub."""
