with

rejected as (
    select * from {{ ref("stg_reco__quarantined_rows") }}
),

files as (
    select * from {{ ref("stg_reco__landed_files") }}
),

replayed as (
    select
        replayed_rows.file_sha,
        replayed_rows.line_number
    from {{ ref("stg_reco__replayed_rows") }} as replayed_rows
    inner join files on replayed_rows.replay_sha = files.file_sha
    where files.state = 'landed'
)

select
    files.file_sha || ' ' || coalesce(cast(rejected.event_date as varchar), 'undated') as file_day,
    files.file_sha,
    files.kind,
    files.file_name,
    rejected.event_date,
    rejected.reason,
    count(*) - count(replayed.line_number) as quarantined_rows,
    count(replayed.line_number) as replayed_rows,
    min(rejected.line_number) as first_line_number
from rejected
inner join files on rejected.file_sha = files.file_sha
left join replayed on rejected.file_sha = replayed.file_sha and rejected.line_number = replayed.line_number
group by files.file_sha, files.kind, files.file_name, rejected.event_date, rejected.reason
