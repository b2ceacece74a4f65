"""Great Expectations suites as pure builders, and the one function that runs a suite and raises."""
