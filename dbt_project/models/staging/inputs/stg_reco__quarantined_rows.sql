select
    kind,
    file_name,
    file_sha,
    line as line_number,
    reason,
    detail,
    raw as raw_text,
    fields as rejected_fields,
    event_date,
    landed_at
from {{ source("reco", "quarantine") }}
