"""The button and the retry history on the host's own pages."""
