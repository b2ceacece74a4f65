with

lists as (
    select
        generation,
        count(*) as lists
    from {{ ref("stg_reco__lists") }}
    group by generation
)

select
    publications.generation,
    publications.run_date,
    publications.published_at,
    publications.model_version,
    models.model,
    models.trained_until,
    models.code_version,
    models.model_seed,
    publications.catalogue_items,
    lists.generation is not null as is_kept,
    coalesce(lists.lists, 0) as lists
from {{ ref("stg_reco__publications") }} as publications
left join {{ ref("stg_reco__models") }} as models on publications.model_version = models.model_version
left join lists on publications.generation = lists.generation
