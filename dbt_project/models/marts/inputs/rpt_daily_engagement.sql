{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

with

users as (
    select
        event_date,
        count(*) as active_users,
        count(*) filter (where purchases > 0) as buying_users
    from {{ ref("feat_user_daily") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date
),

interactions as (
    select
        event_date,
        sum(views) as views,
        sum(clicks) as clicks,
        sum(add_to_carts) as add_to_carts,
        sum(purchases) as purchases,
        sum(returns) as returns,
        sum(dismissals) as dismissals
    from {{ ref("fct_interactions") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date
),

sessions as (
    select
        event_date,
        count(*) as sessions,
        cast(avg(duration_ms) / 1000 as double) as mean_session_seconds
    from {{ ref("fct_sessions") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date
),

impressions as (
    select
        event_date,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicked_impressions
    from {{ ref("fct_impressions") }}
    {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}
    group by event_date
),

days as (
    select event_date from interactions
    union
    select event_date from sessions
    union
    select event_date from impressions
)

select
    days.event_date,
    coalesce(users.active_users, 0) as active_users,
    coalesce(users.buying_users, 0) as buying_users,
    coalesce(sessions.sessions, 0) as sessions,
    sessions.mean_session_seconds,
    coalesce(impressions.impressions, 0) as impressions,
    coalesce(impressions.clicked_impressions, 0) as clicked_impressions,
    {{ ctr("impressions.clicked_impressions", "impressions.impressions") }} as ctr,
    cast(coalesce(interactions.views, 0) as bigint) as views,
    cast(coalesce(interactions.clicks, 0) as bigint) as clicks,
    cast(coalesce(interactions.add_to_carts, 0) as bigint) as add_to_carts,
    cast(coalesce(interactions.purchases, 0) as bigint) as purchases,
    cast(coalesce(interactions.returns, 0) as bigint) as returns,
    cast(coalesce(interactions.dismissals, 0) as bigint) as dismissals
from days
left join users on days.event_date = users.event_date
left join interactions on days.event_date = interactions.event_date
left join sessions on days.event_date = sessions.event_date
left join impressions on days.event_date = impressions.event_date
