"""What more than one room must agree on: names, types, keys, formats, settings.

The package imports nothing of ours and stays light, because the lookup API
loads it into every process.
"""
