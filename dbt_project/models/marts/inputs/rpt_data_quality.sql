with

files as (
    select * from {{ ref("stg_reco__landed_files") }}
),

days as (
    select * from {{ ref("rpt_data_quality_daily") }}
),

counted as (
    select
        file_sha,
        sum(quarantined_rows) as quarantined_rows,
        sum(replayed_rows) as replayed_rows,
        sum(late_rows) as late_rows,
        sum(duplicate_rows) as duplicate_rows,
        sum(kept_rows) as kept_rows,
        sum(rows_in_marts) as rows_in_marts
    from days
    group by file_sha
)

select
    files.file_sha,
    files.kind,
    files.file_name,
    files.state,
    files.replays,
    files.landed_at,
    files.lines_in,
    files.landed_rows,
    cast(counted.quarantined_rows as bigint) as quarantined_rows,
    cast(counted.replayed_rows as bigint) as replayed_rows,
    cast(counted.late_rows as bigint) as late_rows,
    cast(counted.duplicate_rows as bigint) as duplicate_rows,
    cast(counted.kept_rows as bigint) as kept_rows,
    cast(counted.rows_in_marts as bigint) as rows_in_marts
from files
left join counted on files.file_sha = counted.file_sha
