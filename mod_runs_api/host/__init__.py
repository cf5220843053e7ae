"""The one door to the host: its models, its request state, and what it knows of GitHub."""
