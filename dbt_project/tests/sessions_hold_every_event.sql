-- Each event of a user belongs to one session: sessions have no gaps and do not overlap.
with

in_sessions as (
    select coalesce(sum(events), 0) as events
    from {{ ref("fct_sessions") }}
),

in_log as (
    select count(*) as events
    from {{ ref("int_events_deduplicated") }}
    where event_type <> 'return'
)

select
    in_sessions.events as in_sessions,
    in_log.events as in_log
from in_sessions
cross join in_log
where in_sessions.events <> in_log.events
