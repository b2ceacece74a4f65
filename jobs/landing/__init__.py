"""From files to landed partitions: check, quarantine, ledger."""
