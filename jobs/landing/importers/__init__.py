"""Readers of real logs, one file a format, each yielding rows in our event contract."""
