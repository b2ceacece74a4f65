{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

select
    event_date,
    item_id,
    count(*) as interactions,
    count(*) filter (where event_type = 'purchase') as purchases,
    count(distinct user_id) as distinct_users,
    cast(sum(weight) as decimal(18, 4)) as weight
from {{ ref("int_interactions_weighted") }}
{% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
group by event_date, item_id
