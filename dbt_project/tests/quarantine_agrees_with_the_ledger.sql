-- The ledger counts rejected lines by reason when it writes a file; the quarantine must hold exactly those.
with

ledger as (
    select
        file_sha,
        unnest(map_keys(quarantined_by_reason)) as reason,
        unnest(map_values(quarantined_by_reason)) as rejected_rows
    from {{ ref("stg_reco__landed_files") }}
),

quarantine as (
    select
        file_sha,
        reason,
        sum(quarantined_rows + replayed_rows) as rejected_rows
    from {{ ref("rpt_quarantine_reasons") }}
    group by file_sha, reason
)

select
    coalesce(ledger.file_sha, quarantine.file_sha) as file_sha,
    coalesce(ledger.reason, quarantine.reason) as reason,
    ledger.rejected_rows as in_ledger,
    quarantine.rejected_rows as in_quarantine
from ledger
full outer join quarantine on ledger.file_sha = quarantine.file_sha and ledger.reason = quarantine.reason
where ledger.rejected_rows is distinct from quarantine.rejected_rows
