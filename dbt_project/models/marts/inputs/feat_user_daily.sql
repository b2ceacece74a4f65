select
    event_date,
    user_id,
    count(*) as interactions,
    count(*) filter (where event_type = 'purchase') as purchases,
    count(distinct item_id) as distinct_items,
    cast(sum(weight) as decimal(18, 4)) as weight
from {{ ref("int_interactions_weighted") }}
group by event_date, user_id
