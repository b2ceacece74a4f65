with

shown as (
    select
        list_items.generation,
        list_items.surface,
        list_items.variant,
        list_items.subject,
        list_items.item_id,
        catalogue.diversity_category
    from {{ ref("fct_list_items") }} as list_items
    inner join {{ ref("stg_reco__catalogue_items") }} as catalogue
        on list_items.generation = catalogue.generation and list_items.item_id = catalogue.item_id
    where list_items.position <= 10 and list_items.subject_kind = 'user'
),

lists as (
    select
        generation,
        surface,
        variant,
        subject,
        {{ diversity("diversity_category") }} as diversity
    from shown
    group by generation, surface, variant, subject
),

list_totals as (
    select
        generation,
        surface,
        variant,
        count(*) as users,
        avg(diversity) as mean_diversity
    from lists
    group by generation, surface, variant
),

item_totals as (
    select
        generation,
        surface,
        variant,
        count(distinct item_id) as shown_items
    from shown
    group by generation, surface, variant
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
    list_totals.surface,
    list_totals.variant,
    generations.run_date,
    generations.model_version,
    list_totals.users,
    available.available_items,
    item_totals.shown_items,
    {{ most_items_of("list_totals.users") }} < available.available_items as is_bounded_by_users,
    {{ coverage("item_totals.shown_items", "available.available_items", "list_totals.users") }} as coverage,
    list_totals.mean_diversity
from {{ ref("stg_reco__publications") }} as generations
inner join list_totals on generations.generation = list_totals.generation
inner join item_totals
    on
        list_totals.generation = item_totals.generation
        and list_totals.surface = item_totals.surface
        and list_totals.variant = item_totals.variant
inner join available on generations.generation = available.generation
