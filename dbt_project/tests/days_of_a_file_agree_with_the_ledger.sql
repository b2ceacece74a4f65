-- A file's days hold exactly the lines and landed rows that the ledger counted for the whole file.
with

days as (
    select
        file_sha,
        sum(lines_in) as lines_in,
        sum(landed_rows) as landed_rows
    from {{ ref("rpt_data_quality_daily") }}
    group by file_sha
)

select
    files.file_sha,
    files.lines_in,
    days.lines_in as lines_in_of_days,
    files.landed_rows,
    days.landed_rows as landed_rows_of_days
from {{ ref("stg_reco__landed_files") }} as files
left join days on files.file_sha = days.file_sha
where files.lines_in is distinct from days.lines_in or files.landed_rows is distinct from days.landed_rows
