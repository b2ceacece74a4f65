-- Each event of a user belongs to one session: sessions have no gaps and do not overlap.
select
    sessions.events as in_sessions,
    landed.events as in_log
from (select coalesce(sum(events), 0) as events from {{ ref("fct_sessions") }}) as sessions
cross join (
    select count(*) as events from {{ ref("int_events_deduplicated") }}
    where event_type <> 'return'
) as landed
where sessions.events <> landed.events
