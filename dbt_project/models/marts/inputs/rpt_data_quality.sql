with

files as (
    select * from {{ ref("stg_reco__landed_files") }}
),

kept_rows as (
    select file_sha from {{ ref("int_events_deduplicated") }}
    union all
    select file_sha from {{ ref("int_items_deduplicated") }}
    union all
    select file_sha from {{ ref("int_users_deduplicated") }}
),

kept as (
    select
        file_sha,
        count(*) as kept_rows
    from kept_rows
    group by file_sha
),

mart_rows as (
    select file_sha from {{ ref("int_interactions_weighted") }}
    union all
    select file_sha from {{ ref("int_items_deduplicated") }}
    union all
    select file_sha from {{ ref("int_users_deduplicated") }}
),

in_marts as (
    select
        file_sha,
        count(*) as rows_in_marts
    from mart_rows
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
    coalesce(in_marts.rows_in_marts, 0) as rows_in_marts
from files
left join kept on files.file_sha = kept.file_sha
left join in_marts on files.file_sha = in_marts.file_sha
