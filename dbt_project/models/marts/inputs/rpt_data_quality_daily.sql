with

files as (
    select * from {{ ref("stg_reco__landed_files") }}
),

landed as (
    select
        file_sha,
        cast(unnest(map_keys(rows_by_date)) as date) as event_date,
        unnest(map_values(rows_by_date)) as landed_rows
    from files
),

rejected as (
    select
        file_sha,
        event_date,
        sum(quarantined_rows) as quarantined_rows,
        sum(replayed_rows) as replayed_rows
    from {{ ref("rpt_quarantine_reasons") }}
    group by file_sha, event_date
),

snapshot_rows as (
    select
        file_sha,
        snapshot_date
    from {{ ref("int_items_deduplicated") }}
    union all
    select
        file_sha,
        snapshot_date
    from {{ ref("int_users_deduplicated") }}
),

kept as (
    select
        file_sha,
        event_date,
        kept_rows,
        interactions as rows_in_marts
    from {{ ref("int_files_counted") }}
    union all
    select
        file_sha,
        snapshot_date as event_date,
        count(*) as kept_rows,
        count(*) as rows_in_marts
    from snapshot_rows
    group by file_sha, snapshot_date
),

days as (
    select
        file_sha,
        event_date
    from landed
    union
    select
        file_sha,
        event_date
    from rejected
),

counted as (
    select
        days.file_sha,
        days.event_date,
        coalesce(landed.landed_rows, 0) as landed_rows,
        coalesce(rejected.quarantined_rows, 0) as quarantined_rows,
        coalesce(rejected.replayed_rows, 0) as replayed_rows,
        coalesce(kept.kept_rows, 0) as kept_rows,
        coalesce(kept.rows_in_marts, 0) as rows_in_marts
    from days
    left join landed on days.file_sha = landed.file_sha and days.event_date = landed.event_date
    left join rejected on days.file_sha = rejected.file_sha and days.event_date is not distinct from rejected.event_date
    left join kept on days.file_sha = kept.file_sha and days.event_date = kept.event_date
)

select
    files.file_sha || ' ' || coalesce(cast(counted.event_date as varchar), 'undated') as file_day,
    files.file_sha,
    files.kind,
    files.file_name,
    files.state,
    files.replays,
    counted.event_date,
    files.landed_at,
    cast(counted.landed_rows + counted.quarantined_rows + counted.replayed_rows as bigint) as lines_in,
    counted.landed_rows,
    cast(counted.quarantined_rows as bigint) as quarantined_rows,
    cast(counted.replayed_rows as bigint) as replayed_rows,
    if(counted.event_date < files.late_before, counted.landed_rows, 0) as late_rows,
    if(files.state = 'landed', counted.landed_rows - counted.kept_rows, 0) as duplicate_rows,
    counted.kept_rows,
    counted.rows_in_marts
from counted
inner join files on counted.file_sha = files.file_sha
