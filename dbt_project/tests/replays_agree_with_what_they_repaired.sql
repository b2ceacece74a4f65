-- Each line that a replay landed has left the quarantine of its file, and no other line has.
with

replays as (
    select
        replays as file_sha,
        sum(landed_rows) as landed_rows
    from {{ ref("rpt_data_quality") }}
    where replays is not null and state = 'landed'
    group by replays
),

originals as (
    select
        file_sha,
        replayed_rows
    from {{ ref("rpt_data_quality") }}
    where replayed_rows > 0
)

select
    coalesce(replays.file_sha, originals.file_sha) as file_sha,
    replays.landed_rows,
    originals.replayed_rows
from replays
full outer join originals on replays.file_sha = originals.file_sha
where replays.landed_rows is distinct from originals.replayed_rows
