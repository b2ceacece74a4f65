{{ config(materialized="incremental", incremental_strategy="replace_dates") }}

{#
    A day depends on the two days before it (whether its first session began there, or was cut) and on the day after it,
    on which its last session may end. What is read reaches as far around the days that are replaced.
#}
with

events as (
    select
        user_id,
        item_id,
        event_type,
        event_date,
        occurred_at
    from {{ ref("int_events_deduplicated") }}
    where
        event_type <> 'return'
        {% if is_incremental() %} and event_date in ({{ dates_to_read(days_before=3, days_after=3) }}) {% endif %}
),

followed as (
    select
        user_id,
        event_date,
        occurred_at,
        lag(occurred_at) over in_order as previous_at,
        lag(event_date) over in_order as previous_date
    from events
    window in_order as (partition by user_id order by occurred_at)
),

-- The only events with which a session can begin: few, so that what follows does not sort all events again.
edges as (
    select
        user_id,
        event_date,
        occurred_at,
        previous_date,
        previous_at is null
        or occurred_at > previous_at + interval '{{ var("session_gap_minutes") }}' minute as is_after_pause
    from followed
    where
        previous_at is null
        or occurred_at > previous_at + interval '{{ var("session_gap_minutes") }}' minute
        or previous_date < event_date
),

days_with_pause as (
    select distinct
        user_id,
        event_date
    from edges
    where is_after_pause
),

-- A day without a pause was entered by a session, which is cut at its end.
beginnings as (
    select
        edges.user_id,
        edges.event_date,
        edges.occurred_at
    from edges
    left join days_with_pause as previous_day
        on edges.user_id = previous_day.user_id and edges.previous_date = previous_day.event_date
    where edges.is_after_pause or previous_day.user_id is null
),

in_sessions as (
    select
        events.*,
        beginnings.event_date as first_date,
        beginnings.occurred_at as started_at
    from events
    asof inner join beginnings
        on events.user_id = beginnings.user_id and events.occurred_at >= beginnings.occurred_at
    {% if is_incremental() %}
        where
            beginnings.event_date in ({{ touched_dates(days_before=1, days_after=2) }})
            -- Where a session ends at the latest: on the day after it began.
            and events.event_date in ({{ dates_to_read(days_before=1, days_after=3) }})
    {% endif %}
)

select
    md5(concat(user_id, chr(31), epoch_us(started_at))) as session_id,
    first_date as event_date,
    user_id,
    started_at,
    max(occurred_at) as ended_at,
    epoch_ms(max(occurred_at)) - epoch_ms(started_at) as duration_ms,
    count(*) as events,
    count(distinct item_id) as distinct_items,
    count(*) filter (where event_type = 'impression') as impression_events,
    count(*) filter (where event_type = 'view') as views,
    count(*) filter (where event_type = 'click') as clicks,
    count(*) filter (where event_type = 'add_to_cart') as add_to_carts,
    count(*) filter (where event_type = 'purchase') as purchases,
    max(event_date) > first_date as is_over_midnight
from in_sessions
group by user_id, first_date, started_at
