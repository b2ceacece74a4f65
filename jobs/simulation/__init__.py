"""A shop with known tastes: users, items, a log and the truth beside it."""
