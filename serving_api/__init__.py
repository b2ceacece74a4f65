"""The lookup API over Redis."""
