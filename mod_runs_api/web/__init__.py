"""The button and the retry history on the platform's own pages."""
