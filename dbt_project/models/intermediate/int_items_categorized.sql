{{ config(materialized="view") }}

{% if var("categories") == "tags" %}
    with

    item_tags as (
        select
            item_id,
            unnest(list_distinct(categories)) as tag
        from {{ ref("int_items_deduplicated") }}
    ),

    tag_sizes as (
        select
            tag,
            count(*) as items
        from item_tags
        group by tag
    )

    select
        item_tags.item_id,
        item_tags.tag as diversity_category
    from item_tags
    inner join tag_sizes on item_tags.tag = tag_sizes.tag
    qualify row_number() over (partition by item_tags.item_id order by tag_sizes.items, item_tags.tag) = 1
{% else %}
    select
        item_id,
        categories[least(len(categories), {{ var("diversity_level") }})] as diversity_category
    from {{ ref("int_items_deduplicated") }}
    where len(categories) > 0
{% endif %}
