{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

select
    event_date,
    user_id,
    count(*) as interactions,
    count(*) filter (where event_type = 'purchase') as purchases,
    count(distinct item_id) as distinct_items,
    cast(sum(weight) as decimal(18, 4)) as weight
from {{ ref("int_interactions_weighted") }}
{% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
group by event_date, user_id
