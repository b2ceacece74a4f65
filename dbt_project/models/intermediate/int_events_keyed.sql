{{ config(materialized="incremental", incremental_strategy="replace_dates_and_copies") }}

select
    events.event_date,
    md5_number(events.event_id) as event_key,
    files.has_own_event_ids as is_own_id,
    events.landed_at,
    events.file_sha,
    events.line_number
from {{ ref("stg_reco__events") }} as events
inner join {{ ref("stg_reco__landed_files") }} as files on events.file_sha = files.file_sha
where
    files.state = 'landed'
    {% if is_incremental() %} and events.event_date in ({{ touched_dates() }}) {% endif %}
