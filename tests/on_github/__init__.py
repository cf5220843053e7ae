"""Comments on GitHub that ask for retries, and what GitHub is told and asked about retries."""
