select
    {{ generation_of_path("filename") }} as generation,
    file_row_number as item_index,
    item_id,
    title,
    categories,
    diversity_category,
    is_available
from {{ source("reco", "catalogues") }}
