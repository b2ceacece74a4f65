-- What the ledger says it landed must be there to read: all dates of each file of events that has a date to test.
{% set dates = dates_to_test("stg_reco__events") if execute %}
{% set dates_of_files = dates_of_files_to_test() %}
{% set has_dates = "list_has_any(files.event_dates, [" ~ date_literals(dates) ~ "])" if dates is not none else "true" %}
{% set among_dates = "event_date in (" ~ date_literals(dates_of_files) ~ ")" if dates_of_files is not none
    else "true" %}

with

landed_rows as (
    select file_sha from {{ ref("stg_reco__events") }}
    where {{ among_dates }}
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
where
    files.state = 'landed'
    and files.landed_rows <> coalesce(counted.rows_found, 0)
    and (files.kind <> 'events' or {{ has_dates }})
