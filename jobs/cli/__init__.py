"""The `reco` command: thin commands over the jobs, imported when they run."""
