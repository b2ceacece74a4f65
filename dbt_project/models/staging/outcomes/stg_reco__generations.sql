select
    generation,
    run_date,
    model_version,
    n_items as catalogue_items
from {{ source("reco", "list_manifests") }}
