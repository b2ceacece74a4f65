{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

{#
    A day depends on the days before it, which tell a repeat from an impression, and on the days after it, whose clicks
    and purchases are its own; on both for what a client says of what was served. What is read reaches as far around
    the days that are replaced.
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

served_files as (
    select files.file_sha
    from {{ ref("stg_reco__landed_files") }} as files
    left join {{ ref("stg_reco__landed_files") }} as replayed on files.replays = replayed.file_sha
    where coalesce(replayed.file_format, files.file_format) = 'served'
),

shown as (
    select
        *,
        if(file_sha in (select served_files.file_sha from served_files), 'served', 'client') as logged_by
    from events
    where event_type = 'impression'
),

first_shown as (
    select *
    from shown
    qualify (
        occurred_at - lag(occurred_at) over (partition by request_id, item_id, logged_by order by occurred_at, event_id)
        <= {{ click_window }}
    ) is not true
),

-- Served is not seen: where a client says what it showed of a request and item, that counts.
seen as (
    select * from first_shown
    where logged_by = 'client'
    union all
    select first_shown.*
    from first_shown
    anti join shown as posted
        on
            first_shown.request_id = posted.request_id
            and first_shown.item_id = posted.item_id
            and posted.logged_by = 'client'
            and first_shown.occurred_at <= posted.occurred_at + {{ click_window }}
            and posted.occurred_at <= first_shown.occurred_at + {{ click_window }}
    where first_shown.logged_by = 'served'
),

impressions as (
    select * from seen
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
