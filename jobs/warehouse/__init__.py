"""Running dbt, handing its marts to the next jobs, and the analysts' copy."""
