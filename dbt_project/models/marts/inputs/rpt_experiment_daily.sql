{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

arms as (
    select
        event_date,
        experiment,
        surface,
        variant,
        count(distinct user_id) as users,
        count(distinct user_id) filter (where is_clicked) as clicking_users,
        count(distinct user_id) filter (where is_purchased) as buying_users,
        count(distinct request_id) as requests,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicked_impressions,
        count(*) filter (where is_carted) as carted_impressions,
        count(*) filter (where is_purchased) as purchased_impressions
    from {{ ref("fct_impressions") }}
    where
        experiment is not null
        {% if is_incremental() %} and event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date, experiment, surface, variant
)

select
    *,
    {{ ctr() }} as ctr
from arms
