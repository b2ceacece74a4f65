-- What was shown and clicked on a day is the same whether one counts lists, items, categories or the day itself.
with

totals as (
    select
        event_date,
        'fct_impressions' as mart,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicked_impressions
    from {{ ref("fct_impressions") }}
    where {{ is_date_to_test("fct_impressions") }}
    group by event_date
    {% for mart in ("rpt_funnel", "rpt_item_performance", "rpt_category_mix", "rpt_daily_engagement") %}
        union all
        select
            event_date,
            '{{ mart }}' as mart,
            sum(impressions) as impressions,
            sum(clicked_impressions) as clicked_impressions
        from {{ ref(mart) }}
        where {{ is_date_to_test("fct_impressions") }}
        group by event_date
        having sum(impressions) > 0
    {% endfor %}
)

select
    event_date,
    list(mart) as marts,
    list(impressions) as impressions,
    list(clicked_impressions) as clicked_impressions
from totals
group by event_date
having count(*) < 5 or count(distinct impressions) > 1 or count(distinct clicked_impressions) > 1
