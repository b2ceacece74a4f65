with

files as (
    select * from {{ ref("stg_reco__landed_files") }}
),

snapshot_rows as (
    select file_sha from {{ ref("int_items_deduplicated") }}
    union all
    select file_sha from {{ ref("int_users_deduplicated") }}
),

rows_of_files as (
    select
        file_sha,
        kept_rows,
        interactions as rows_in_marts
    from {{ ref("int_files_counted") }}
    union all
    select
        file_sha,
        1 as kept_rows,
        1 as rows_in_marts
    from snapshot_rows
),

kept as (
    select
        file_sha,
        cast(sum(kept_rows) as bigint) as kept_rows,
        cast(sum(rows_in_marts) as bigint) as rows_in_marts
    from rows_of_files
    group by file_sha
)

select
    files.file_sha,
    files.kind,
    files.file_name,
    files.state,
    files.landed_at,
    files.lines_in,
    files.landed_rows,
    files.quarantined_rows,
    case when files.state = 'landed' then files.landed_rows - coalesce(kept.kept_rows, 0) else 0 end as duplicate_rows,
    coalesce(kept.kept_rows, 0) as kept_rows,
    coalesce(kept.rows_in_marts, 0) as rows_in_marts
from files
left join kept on files.file_sha = kept.file_sha
