"""Business rules: what a person decided about lists, read from a file, checked, compiled and counted."""
