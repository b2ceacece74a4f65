-- The three marts add up the same events, so that their weights and purchases must be equal to the last digit.
with

totals as (
    select
        'fct_interactions' as mart,
        sum(weight) as weight,
        sum(purchases) as purchases
    from {{ ref("fct_interactions") }}
    where {{ is_date_to_test("fct_interactions") }}
    union all
    select
        'feat_user_daily' as mart,
        sum(weight) as weight,
        sum(purchases) as purchases
    from {{ ref("feat_user_daily") }}
    where {{ is_date_to_test("fct_interactions") }}
    union all
    select
        'feat_item_daily' as mart,
        sum(weight) as weight,
        sum(purchases) as purchases
    from {{ ref("feat_item_daily") }}
    where {{ is_date_to_test("fct_interactions") }}
)

select
    count(distinct weight) as weights,
    count(distinct purchases) as purchases
from totals
having count(distinct weight) > 1 or count(distinct purchases) > 1
