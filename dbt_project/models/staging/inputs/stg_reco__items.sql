select
    item_id,
    title,
    categories,
    available_from,
    available_until,
    price,
    seller,
    brand,
    min_age,
    markets,
    attributes,
    event_date as snapshot_date,
    file_sha,
    line as line_number,
    landed_at
from {{ source("reco", "items") }}
