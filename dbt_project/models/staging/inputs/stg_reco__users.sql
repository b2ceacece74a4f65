select
    user_id,
    market,
    segment,
    birth_year,
    event_date as snapshot_date,
    file_sha,
    line as line_number,
    landed_at
from {{ source("reco", "users") }}
