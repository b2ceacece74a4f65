"""What an entry of the streams `NS:events:<shard>` and `NS:served:<shard>` holds, for who writes and who drains it."""

from typing import Final

# Fields of an entry.
EVENTS_FIELD: Final = "e"  # JSON array of events, each with the fields of a line in the event contract
RECORDS_FIELD: Final = "r"  # packed served records, `served_codec`
VERSION_FIELD: Final = "v"

ENTRY_VERSION: Final = "1"
# The consumer group that takes entries out; an entry is deleted once its file is in place.
DRAIN_GROUP: Final = "landing"
# Settings allow no more shards: whatever they say today, a drain looks at all of these.
MAX_SHARDS: Final = 64
