select
    model_version,
    model,
    run_date as trained_until,
    code_version,
    seed as model_seed
from {{ source("reco", "model_manifests") }}
