with

seen as (
    select
        user_id,
        min(event_date) as first_seen_date,
        max(event_date) as last_seen_date,
        count(*) filter (where interactions > 0) as interaction_days
    from {{ ref("int_users_seen") }}
    group by user_id
)

select
    coalesce(seen.user_id, snapshots.user_id) as user_id,
    snapshots.market,
    snapshots.segment,
    snapshots.birth_year,
    seen.first_seen_date,
    seen.last_seen_date,
    coalesce(seen.interaction_days, 0) as interaction_days
from seen
full outer join {{ ref("int_users_deduplicated") }} as snapshots on seen.user_id = snapshots.user_id
