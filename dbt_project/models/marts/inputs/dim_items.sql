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
        snapshots.min_age,
        snapshots.markets,
        snapshots.attributes,
        snapshots.available_from,
        snapshots.available_until,
        snapshots.snapshot_date,
        seen.first_seen_date,
        seen.last_seen_date
    from seen
    full outer join {{ ref("int_items_deduplicated") }} as snapshots on seen.item_id = snapshots.item_id
),

log_end as (
    select (max(last_seen_date) + 1)::timestamptz as ends_at
    from seen
)

select
    items.item_id,
    coalesce(items.title, items.item_id) as title,
    coalesce(items.categories, []::varchar[]) as categories,
    {{ category_level("items.categories", 1) }} as category_level_1,
    {{ category_level("items.categories", 2) }} as category_level_2,
    {{ category_level("items.categories", 3) }} as category_level_3,
    categorized.diversity_category,
    items.price,
    items.seller,
    items.brand,
    items.min_age,
    items.markets,
    items.attributes,
    items.available_from,
    items.available_until,
    coalesce(items.available_from < log_end.ends_at, true)
    and coalesce(items.available_until >= log_end.ends_at, true) as is_available,
    items.snapshot_date,
    items.first_seen_date,
    items.last_seen_date
from items
cross join log_end
left join {{ ref("int_items_categorized") }} as categorized on items.item_id = categorized.item_id
