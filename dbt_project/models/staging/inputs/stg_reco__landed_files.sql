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
    rows_by_date,
    touched_dates,
    late_before,
    replays,
    revision,
    changed_at,
    landed_at,
    -- False only where it is known: ids that were derived from content are unique to their day.
    case
        when len(columns) > 0 then list_contains(columns, 'event_id')
        else replays is not null or format = 'events'
    end as has_own_event_ids
from {{ source("warehouse", "ledger") }}
