select
    replay_sha,
    file_sha,
    line as line_number
from {{ source("reco", "replayed_rows") }}
