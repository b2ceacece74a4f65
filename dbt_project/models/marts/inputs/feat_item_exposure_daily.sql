{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

select
    event_date,
    item_id,
    count(*) as impressions,
    count(*) filter (where is_clicked) as clicked_impressions
from {{ ref("fct_impressions") }}
{% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
group by event_date, item_id
