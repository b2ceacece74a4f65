{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ forget_generations() }}"
) }}

with

lists as (
    select * from {{ ref("stg_reco__lists") }}
    {% if is_incremental() %}
        -- A generation never changes, so that one that is there is not read again.
        where generation not in (select kept.generation from {{ this }} as kept)
    {% endif %}
),

list_entries as (
    select
        generation,
        surface,
        variant,
        subject,
        generate_subscripts(item_indices, 1) as list_position,
        unnest(item_indices) as item_index,
        unnest(scores) as score,
        unnest(reason_codes) as reason_code,
        unnest(seed_indices) as seed_index
    from lists
)

select
    list_entries.generation,
    publications.run_date,
    publications.model_version,
    list_entries.surface,
    list_entries.variant,
    list_entries.subject,
    {{ subject_kind_of("list_entries.surface") }} as subject_kind,
    cast(list_entries.list_position as integer) as position,
    catalogue.item_id,
    cast(list_entries.score as double) as score,
    {{ reason_of_code("list_entries.reason_code") }} as reason,
    seeds.item_id as seed_item_id
from list_entries
inner join {{ ref("stg_reco__publications") }} as publications on list_entries.generation = publications.generation
left join {{ ref("stg_reco__catalogue_items") }} as catalogue
    on list_entries.generation = catalogue.generation and list_entries.item_index = catalogue.item_index
left join {{ ref("stg_reco__catalogue_items") }} as seeds
    on list_entries.generation = seeds.generation and list_entries.seed_index = seeds.item_index
