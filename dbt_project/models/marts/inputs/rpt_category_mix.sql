with

categories as (
    select
        performance.event_date,
        coalesce(items.diversity_category, '(none)') as diversity_category,
        count(*) as items,
        cast(sum(performance.impressions) as bigint) as impressions,
        cast(sum(performance.clicked_impressions) as bigint) as clicked_impressions,
        cast(sum(performance.views) as bigint) as views,
        cast(sum(performance.purchases) as bigint) as purchases
    from {{ ref("rpt_item_performance") }} as performance
    inner join {{ ref("dim_items") }} as items on performance.item_id = items.item_id
    group by performance.event_date, coalesce(items.diversity_category, '(none)')
)

select
    event_date,
    diversity_category,
    items,
    impressions,
    clicked_impressions,
    views,
    purchases,
    {{ ctr() }} as ctr,
    {{ share_of_day("impressions") }} as impression_share,
    {{ share_of_day("views") }} as view_share,
    {{ share_of_day("purchases") }} as purchase_share
from categories
