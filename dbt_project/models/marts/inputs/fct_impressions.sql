{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

{#
    A day depends on the days before it, which tell a repeat from an impression, and on the days after it, whose clicks
    and purchases are its own. What is read reaches as far around the days that are replaced.
#}
{% set repeat_days = days_of_hours(var("click_window_hours")) %}
{% set answer_days = days_of_hours([var("click_window_hours"), var("conversion_window_hours")] | max) %}
{% set click_window = "interval '" ~ var("click_window_hours") ~ "' hour" %}
{% set conversion_window = "interval '" ~ var("conversion_window_hours") ~ "' hour" %}

with

events as (
    select * from {{ ref("int_events_deduplicated") }}
    where
        request_id is not null
        {% if is_incremental() %}
            and event_date in ({{ dates_to_read(repeat_days + answer_days, repeat_days + answer_days) }})
        {% endif %}
),

-- Served records become rows here too, `logged_by` served, once there are any; of one request and item a client's wins.
shown as (
    select
        *,
        'client' as logged_by
    from events
    where event_type = 'impression'
),

first_shown as (
    select *
    from shown
    qualify (
        occurred_at - lag(occurred_at) over (partition by request_id, item_id order by occurred_at, event_id)
        <= {{ click_window }}
    ) is not true
),

impressions as (
    select * from first_shown
    {% if is_incremental() %}
        where event_date in ({{ touched_dates(days_before=answer_days, days_after=repeat_days) }})
    {% endif %}
),

answered as (
    select
        impressions.event_id as impression_id,
        min(events.occurred_at) filter (
            where events.event_type = 'click' and events.occurred_at <= impressions.occurred_at + {{ click_window }}
        ) as clicked_at,
        bool_or(
            events.event_type in ('add_to_cart', 'purchase')
            and events.occurred_at <= impressions.occurred_at + {{ conversion_window }}
        ) as is_in_basket,
        bool_or(
            events.event_type = 'purchase'
            and events.occurred_at <= impressions.occurred_at + {{ conversion_window }}
        ) as is_bought
    from impressions
    inner join events
        on
            impressions.request_id = events.request_id
            and impressions.item_id = events.item_id
            and impressions.occurred_at <= events.occurred_at
    where events.event_type in ('click', 'add_to_cart', 'purchase')
    group by impressions.event_id
)

select
    impressions.event_id as impression_id,
    impressions.event_date,
    impressions.occurred_at,
    impressions.request_id,
    impressions.user_id,
    impressions.item_id,
    impressions.surface,
    impressions.list_position as position,
    impressions.experiment,
    coalesce(impressions.variant, 'default') as variant,
    impressions.generation,
    impressions.propensity,
    impressions.logged_by,
    answered.clicked_at,
    answered.clicked_at is not null as is_clicked,
    answered.clicked_at is not null and answered.is_in_basket as is_carted,
    answered.clicked_at is not null and answered.is_bought as is_purchased
from impressions
left join answered on impressions.event_id = answered.impression_id
