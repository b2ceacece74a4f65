"""What finished lists are like: faults of each list, and figures of a whole generation."""
