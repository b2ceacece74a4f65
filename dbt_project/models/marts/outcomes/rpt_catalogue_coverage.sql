with

shown as (
    select
        list_items.generation,
        list_items.user_id,
        list_items.item_id,
        catalogue.diversity_category
    from {{ ref("fct_list_items") }} as list_items
    inner join {{ ref("stg_reco__catalogue_items") }} as catalogue
        on list_items.generation = catalogue.generation and list_items.item_id = catalogue.item_id
    where list_items.position <= 10
),

lists as (
    select
        generation,
        user_id,
        count(distinct diversity_category) / count(*) as diversity
    from shown
    group by generation, user_id
),

list_totals as (
    select
        generation,
        count(*) as users,
        avg(diversity) as mean_diversity
    from lists
    group by generation
),

item_totals as (
    select
        generation,
        count(distinct item_id) as shown_items
    from shown
    group by generation
),

available as (
    select
        generation,
        count(*) filter (where is_available) as available_items
    from {{ ref("stg_reco__catalogue_items") }}
    group by generation
)

select
    generations.generation,
    generations.run_date,
    generations.model_version,
    list_totals.users,
    available.available_items,
    item_totals.shown_items,
    -- Few users cannot show a large catalogue, however varied their lists are.
    list_totals.users * 10 / 4 < available.available_items as is_bounded_by_users,
    item_totals.shown_items / least(available.available_items, list_totals.users * 10 / 4) as coverage,
    list_totals.mean_diversity
from {{ ref("stg_reco__generations") }} as generations
inner join list_totals on generations.generation = list_totals.generation
inner join item_totals on generations.generation = item_totals.generation
inner join available on generations.generation = available.generation
