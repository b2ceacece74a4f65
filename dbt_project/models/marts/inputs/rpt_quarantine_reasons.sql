select
    quarantined.file_sha,
    files.kind,
    files.file_name,
    quarantined.reason,
    count(*) as quarantined_rows,
    min(quarantined.line_number) as first_line_number
from {{ ref("stg_reco__quarantined_rows") }} as quarantined
inner join {{ ref("stg_reco__landed_files") }} as files on quarantined.file_sha = files.file_sha
group by quarantined.file_sha, files.kind, files.file_name, quarantined.reason
