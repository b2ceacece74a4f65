{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

events as (
    select * from {{ ref("stg_reco__events") }}
),

files_in_force as (
    select file_sha
    from {{ ref("stg_reco__landed_files") }}
    where state = 'landed'
)

select
    event_id,
    user_id,
    item_id,
    event_type,
    event_value,
    occurred_at,
    event_date,
    price,
    currency,
    request_id,
    surface,
    experiment,
    variant,
    generation,
    list_position,
    propensity,
    file_sha,
    line_number,
    landed_at
from events
where
    file_sha in (select files_in_force.file_sha from files_in_force)
    {% if is_incremental() %} and event_date in ({{ touched_dates() }}) {% endif %}
qualify row_number() over (partition by event_id order by landed_at, file_sha, line_number) = 1
