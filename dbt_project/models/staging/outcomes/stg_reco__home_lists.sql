select
    {{ generation_of_path("filename") }} as generation,
    subject as user_id,
    item_indices,
    scores,
    reasons as reason_codes
from {{ source("reco", "home_lists") }}
