-- What the ledger says it landed must be there to read.
with

landed_rows as (
    select file_sha from {{ ref("stg_reco__events") }}
    union all
    select file_sha from {{ ref("stg_reco__items") }}
    union all
    select file_sha from {{ ref("stg_reco__users") }}
),

counted as (
    select
        file_sha,
        count(*) as rows_found
    from landed_rows
    group by file_sha
)

select
    files.file_sha,
    files.file_name,
    files.landed_rows,
    coalesce(counted.rows_found, 0) as rows_found
from {{ ref("stg_reco__landed_files") }} as files
left join counted on files.file_sha = counted.file_sha
where files.state = 'landed' and files.landed_rows <> coalesce(counted.rows_found, 0)
