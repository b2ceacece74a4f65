-- Each user and item of a mart is in its dimension.
{% set users_of = ("fct_interactions", "fct_impressions", "fct_sessions", "feat_user_daily") %}
{% set items_of = (
    "fct_interactions", "fct_impressions", "feat_item_daily", "feat_item_exposure_daily", "rpt_item_performance"
) %}

with

named_users as (
    {% for mart in users_of %}
        {{ "union all" if not loop.first }}
        select
            '{{ mart }}' as mart,
            user_id
        from {{ ref(mart) }}
        where {{ is_date_to_test(mart) }}
    {% endfor %}
),

named_items as (
    {% for mart in items_of %}
        {{ "union all" if not loop.first }}
        select
            '{{ mart }}' as mart,
            item_id
        from {{ ref(mart) }}
        where {{ is_date_to_test(mart) }}
    {% endfor %}
)

select
    named_users.mart,
    named_users.user_id as unknown_id,
    count(*) as failing_rows
from named_users
anti join {{ ref("dim_users") }} as known on named_users.user_id = known.user_id
group by named_users.mart, named_users.user_id
union all
select
    named_items.mart,
    named_items.item_id as unknown_id,
    count(*) as failing_rows
from named_items
anti join {{ ref("dim_items") }} as known on named_items.item_id = known.item_id
group by named_items.mart, named_items.item_id
