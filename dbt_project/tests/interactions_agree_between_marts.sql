-- Views, purchases and returns of a day are the same in the fact and in the reports that add it up.
with

totals as (
    {% for mart in ("fct_interactions", "rpt_item_performance", "rpt_daily_engagement") %}
        {{ "union all" if not loop.first }}
        select
            event_date,
            sum(views) as views,
            sum(clicks) as clicks,
            sum(purchases) as purchases,
            sum(returns) as returns
        from {{ ref(mart) }}
        where {{ is_date_to_test("fct_interactions") }}
        group by event_date
    {% endfor %}
)

select
    event_date,
    list(row(views, clicks, purchases, returns)) as found
from totals
group by event_date
having count(distinct row(views, clicks, purchases, returns)) > 1
