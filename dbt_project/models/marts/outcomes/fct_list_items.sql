with

list_entries as (
    select
        generation,
        user_id,
        generate_subscripts(item_indices, 1) as list_position,
        unnest(item_indices) as item_index,
        unnest(scores) as score,
        unnest(reason_codes) as reason_code
    from {{ ref("stg_reco__home_lists") }}
)

select
    list_entries.generation,
    generations.run_date,
    generations.model_version,
    list_entries.user_id,
    cast(list_entries.list_position as integer) as position,
    catalogue.item_id,
    cast(list_entries.score as double) as score,
    {{ reason_of_code("list_entries.reason_code") }} as reason
from list_entries
inner join {{ ref("stg_reco__generations") }} as generations on list_entries.generation = generations.generation
left join {{ ref("stg_reco__catalogue_items") }} as catalogue
    on list_entries.generation = catalogue.generation and list_entries.item_index = catalogue.item_index
