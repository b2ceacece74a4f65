-- The parts of a day are its whole; where the whole is 0, no part has a share.
select
    event_date,
    sum(impression_share) as impression_share,
    sum(view_share) as view_share,
    sum(purchase_share) as purchase_share
from {{ ref("rpt_category_mix") }}
group by event_date
having
    abs(coalesce(sum(impression_share), 1) - 1) > 1e-9
    or abs(coalesce(sum(view_share), 1) - 1) > 1e-9
    or abs(coalesce(sum(purchase_share), 1) - 1) > 1e-9
