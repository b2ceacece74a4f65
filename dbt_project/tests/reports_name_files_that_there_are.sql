-- Each file of the reports by day and by reason is one of rpt_data_quality, and each day of a reason one of its days.
select
    'rpt_data_quality_daily' as mart,
    days.file_sha as unknown_id
from {{ ref("rpt_data_quality_daily") }} as days
anti join {{ ref("rpt_data_quality") }} as files on days.file_sha = files.file_sha
union all
select
    'rpt_quarantine_reasons' as mart,
    reasons.file_sha as unknown_id
from {{ ref("rpt_quarantine_reasons") }} as reasons
anti join {{ ref("rpt_data_quality") }} as files on reasons.file_sha = files.file_sha
union all
select
    'rpt_quarantine_reasons' as mart,
    reasons.file_day as unknown_id
from {{ ref("rpt_quarantine_reasons") }} as reasons
anti join {{ ref("rpt_data_quality_daily") }} as days on reasons.file_day = days.file_day
