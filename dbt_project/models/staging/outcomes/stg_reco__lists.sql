select
    {{ generation_of_path("filename") }} as generation,
    {{ surface_of_path("filename") }} as surface,
    {{ variant_of_path("filename") }} as variant,
    subject,
    item_indices,
    scores,
    reasons as reason_codes,
    seeds as seed_indices
from {{ source("reco", "lists") }}
