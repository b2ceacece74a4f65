with

seen as (
    select
        item_id,
        min(event_date) as first_seen_date,
        max(event_date) as last_seen_date
    from {{ ref("int_items_seen") }}
    group by item_id
),

items as (
    select
        coalesce(seen.item_id, snapshots.item_id) as item_id,
        snapshots.title,
        snapshots.categories,
        snapshots.price,
        snapshots.seller,
        snapshots.brand,
        snapshots.available_from,
        snapshots.available_until,
        seen.first_seen_date,
        seen.last_seen_date
    from seen
    full outer join {{ ref("int_items_deduplicated") }} as snapshots on seen.item_id = snapshots.item_id
)

select
    items.item_id,
    coalesce(items.title, items.item_id) as title,
    coalesce(items.categories, []::varchar[]) as categories,
    categorized.diversity_category,
    items.price,
    items.seller,
    items.brand,
    items.available_from,
    items.available_until,
    items.first_seen_date,
    items.last_seen_date
from items
left join {{ ref("int_items_categorized") }} as categorized on items.item_id = categorized.item_id
