"""From the streams of the store to landed files: what was posted, and what was served."""
