"""Erasing users: from the store, from everything below the data folder, and from what comes later."""
