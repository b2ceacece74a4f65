{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

interactions as (
    select
        event_date,
        item_id,
        count(*) as users,
        sum(views) as views,
        sum(clicks) as clicks,
        sum(add_to_carts) as add_to_carts,
        sum(purchases) as purchases,
        sum(returns) as returns
    from {{ ref("fct_interactions") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date, item_id
),

sales as (
    select
        event_date,
        item_id,
        sum(cast(event_value as decimal(18, 4))) as units,
        count(*) filter (where price is null) as unpriced_purchases,
        count(distinct coalesce(currency, '')) filter (where price is not null) as currencies,
        min(currency) filter (where price is not null) as currency,
        sum(cast(event_value as decimal(18, 4)) * cast(price as decimal(18, 4))) as revenue
    from {{ ref("int_events_deduplicated") }}
    where
        event_type = 'purchase'
        {% if is_incremental() %} and event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date, item_id
),

impressions as (
    select
        event_date,
        item_id,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicked_impressions
    from {{ ref("fct_impressions") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date, item_id
),

item_days as (
    select
        event_date,
        item_id
    from interactions
    union
    select
        event_date,
        item_id
    from impressions
)

select
    item_days.event_date,
    item_days.item_id,
    coalesce(impressions.impressions, 0) as impressions,
    coalesce(impressions.clicked_impressions, 0) as clicked_impressions,
    {{ ctr("impressions.clicked_impressions", "impressions.impressions") }} as ctr,
    coalesce(interactions.users, 0) as users,
    cast(coalesce(interactions.views, 0) as bigint) as views,
    cast(coalesce(interactions.clicks, 0) as bigint) as clicks,
    cast(coalesce(interactions.add_to_carts, 0) as bigint) as add_to_carts,
    cast(coalesce(interactions.purchases, 0) as bigint) as purchases,
    cast(coalesce(interactions.returns, 0) as bigint) as returns,
    cast(coalesce(sales.units, 0) as decimal(18, 4)) as units,
    coalesce(sales.unpriced_purchases, 0) as unpriced_purchases,
    cast(case when sales.currencies = 1 then sales.revenue end as decimal(18, 4)) as revenue,
    case when sales.currencies = 1 then sales.currency end as currency
from item_days
left join interactions
    on item_days.event_date = interactions.event_date and item_days.item_id = interactions.item_id
left join sales
    on item_days.event_date = sales.event_date and item_days.item_id = sales.item_id
left join impressions
    on item_days.event_date = impressions.event_date and item_days.item_id = impressions.item_id
