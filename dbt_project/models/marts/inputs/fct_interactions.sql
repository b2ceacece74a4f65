{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

daily as (
    select
        event_date,
        user_id,
        item_id,
        count(*) filter (where event_type = 'view') as views,
        count(*) filter (where event_type = 'click') as clicks,
        count(*) filter (where event_type = 'add_to_cart') as add_to_carts,
        count(*) filter (where event_type = 'purchase') as purchases,
        count(*) filter (where event_type = 'return') as returns,
        count(*) filter (where event_type = 'dismiss') as dismissals,
        -- Two ratings in one instant: the event id decides, so that a rerun says the same.
        arg_max(stars, (occurred_at, event_id)) filter (where event_type = 'rating') as rating,
        cast(sum(weight) as decimal(18, 4)) as weight,
        max(occurred_at) as last_occurred_at
    from {{ ref("int_interactions_weighted") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date, user_id, item_id
)

select
    event_date,
    user_id,
    item_id,
    views,
    clicks,
    add_to_carts,
    purchases,
    returns,
    dismissals,
    rating,
    weight,
    purchases > 0 or rating is not null or dismissals > 0 as is_consumed,
    {{ is_positive(var("positive_events")) }} as is_positive,
    last_occurred_at
from daily
