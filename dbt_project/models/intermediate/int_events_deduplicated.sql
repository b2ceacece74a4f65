{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

rows_of_dates as (
    select * from {{ ref("int_events_keyed") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
),

copies as (
    select * from rows_of_dates
    {% if is_incremental() %}
        union all
        ({{ copies_on_other_dates(ref("int_events_keyed"), touched_dates(), "rows_of_dates") }})
    {% endif %}
),

repeated as (
    select event_key
    from copies
    group by event_key
    having count(*) > 1
),

-- Only rows that share an id are ranked: few, and without their other columns.
later_copies as (
    select
        file_sha,
        line_number
    from copies
    where event_key in (select repeated.event_key from repeated)
    qualify row_number() over (partition by event_key order by landed_at, file_sha, line_number) > 1
),

files_in_force as (
    select file_sha
    from {{ ref("stg_reco__landed_files") }}
    where state = 'landed'
)

select
    events.event_id,
    events.user_id,
    events.item_id,
    events.event_type,
    events.event_value,
    events.occurred_at,
    events.event_date,
    events.price,
    events.currency,
    events.request_id,
    events.surface,
    events.experiment,
    events.variant,
    events.generation,
    events.list_position,
    events.propensity,
    events.file_sha,
    events.line_number,
    events.landed_at
from {{ ref("stg_reco__events") }} as events
anti join later_copies on events.file_sha = later_copies.file_sha and events.line_number = later_copies.line_number
where
    events.file_sha in (select files_in_force.file_sha from files_in_force)
    {% if is_incremental() %} and events.event_date in ({{ touched_dates() }}) {% endif %}
