"""Why an item is in a list, or is not."""
