{{ config(materialized="view") }}

select
    event_id,
    user_id,
    item_id,
    event_date,
    event_type,
    occurred_at,
    file_sha,
    case when event_type = 'rating' then event_value end as stars,
    cast(
        case event_type
            when 'view' then {{ var("view_weight") }}
            when 'click' then {{ var("click_weight") }}
            when 'add_to_cart' then {{ var("add_to_cart_weight") }}
            when 'purchase' then {{ var("purchase_weight") }}
            when 'return' then {{ var("return_weight") }}
            when 'rating' then if(event_value >= {{ var("rating_positive_min") }}, {{ var("rating_weight") }}, 0)
            else 0
        end as decimal(18, 4)
    ) as weight
from {{ ref("int_events_deduplicated") }}
where event_type <> 'impression'
