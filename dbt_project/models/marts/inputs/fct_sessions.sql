{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

{#
    A day depends on the two days before it (whether its first session began there, or was cut) and on the day after it,
    on which its last session may end. What is read reaches as far around the days that are replaced.
#}
with

events as (
    select
        event_id,
        user_id,
        item_id,
        event_type,
        event_date,
        occurred_at,
        lag(occurred_at) over in_order as previous_at,
        lag(event_date) over in_order as previous_date
    from {{ ref("int_events_deduplicated") }}
    where
        event_type <> 'return'
        {% if is_incremental() %} and event_date in ({{ dates_to_read(days_before=3, days_after=3) }}) {% endif %}
    window in_order as (partition by user_id order by occurred_at, event_id)
),

paused as (
    select
        *,
        previous_at is null
        or occurred_at - previous_at > interval '{{ var("session_gap_minutes") }}' minute as is_after_pause
    from events
),

-- Whether anything began on a day: a day without a pause was entered by a session that is cut at its end.
day_beginnings as (
    select
        user_id,
        event_date,
        bool_or(is_after_pause) as has_beginning
    from paused
    group by user_id, event_date
),

beginnings as (
    select
        paused.*,
        paused.is_after_pause
        or (paused.previous_date < paused.event_date and not previous_day.has_beginning) as is_beginning
    from paused
    left join day_beginnings as previous_day
        on paused.user_id = previous_day.user_id and paused.previous_date = previous_day.event_date
),

numbered as (
    select
        *,
        count(*) filter (where is_beginning) over (
            partition by user_id
            order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as session_number
    from beginnings
)

select
    md5(concat(user_id, chr(31), epoch_us(min(occurred_at)))) as session_id,
    min(event_date) as event_date,
    user_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    epoch_ms(max(occurred_at)) - epoch_ms(min(occurred_at)) as duration_ms,
    count(*) as events,
    count(distinct item_id) as distinct_items,
    count(*) filter (where event_type = 'impression') as impression_events,
    count(*) filter (where event_type = 'view') as views,
    count(*) filter (where event_type = 'click') as clicks,
    count(*) filter (where event_type = 'add_to_cart') as add_to_carts,
    count(*) filter (where event_type = 'purchase') as purchases,
    max(event_date) > min(event_date) as is_over_midnight
from numbered
group by user_id, session_number
{% if is_incremental() %}
    having min(event_date) in ({{ touched_dates(days_before=1, days_after=2) }})
{% endif %}
