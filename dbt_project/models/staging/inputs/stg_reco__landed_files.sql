select
    kind,
    file_name,
    file_sha,
    format as file_format,
    state,
    size_bytes,
    lines_in,
    landed as landed_rows,
    quarantined as quarantined_rows,
    quarantined_by_reason,
    event_dates,
    landed_at
from {{ source("warehouse", "ledger") }}
