{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

select
    event_date,
    file_sha,
    count(*) as kept_rows,
    count(*) filter (where event_type <> 'impression') as interactions
from {{ ref("int_events_deduplicated") }}
{% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
group by event_date, file_sha
