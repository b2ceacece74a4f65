{{ config(materialized="incremental", incremental_strategy="replace_whole") }}

with

snapshots as (
    select * from {{ ref("stg_reco__items") }}
),

files_in_force as (
    select file_sha
    from {{ ref("stg_reco__landed_files") }}
    where state = 'landed'
)

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
    snapshot_date,
    file_sha,
    line_number,
    landed_at
from snapshots
where file_sha in (select files_in_force.file_sha from files_in_force)
qualify row_number() over (
    partition by item_id
    order by snapshot_date desc, landed_at desc, file_sha desc, line_number desc
) = 1
