select
    generation,
    run_date,
    model_version,
    created_at as published_at,
    n_items as catalogue_items
from {{ source("reco", "publications") }}
