"""Features of users and items, and their way to Feast."""
