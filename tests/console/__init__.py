"""The console, in Chromium, before the real platform."""
