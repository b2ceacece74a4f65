"""Great Expectations suites as pure builders, and the one function that runs them and raises."""

import os

# Before the library is imported anywhere: it reads the variable once.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
