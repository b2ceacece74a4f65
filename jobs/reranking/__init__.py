"""From scored candidates to lists: diversity, limits and coverage, on arrays alone."""
