"""Take users out of the stream entries that are not drained yet.

An entry cannot be changed. One that names a user is added again without them, at the
end, and then deleted: killed in between, an event is there twice, and dbt keeps one. An
entry that a drainer has taken already is landed, where the tombstone meets it.
"""

from typing import Any, Final

import msgspec

from jobs.publishing.connect_store import Store
from reco_contracts.errors import ContractError
from reco_contracts.served_codec import decode_records, encode_record, join_records
from reco_contracts.settings import Settings

_ENTRIES_A_READ: Final = 500
_EVENTS: Final = b"e"
