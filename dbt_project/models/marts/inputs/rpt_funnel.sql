{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

steps as (
    select
        event_date,
        surface,
        variant,
        count(distinct request_id) as requests,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicked_impressions,
        count(*) filter (where is_carted) as carted_impressions,
        count(*) filter (where is_purchased) as purchased_impressions
    from {{ ref("fct_impressions") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date, surface, variant
)

select
    event_date,
    surface,
    variant,
    requests,
    impressions,
    clicked_impressions,
    carted_impressions,
    purchased_impressions,
    {{ ctr() }} as ctr,
    carted_impressions / nullif(clicked_impressions, 0) as basket_rate,
    purchased_impressions / nullif(carted_impressions, 0) as purchase_rate
from steps
