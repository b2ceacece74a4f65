with

user_weeks as (
    select distinct
        user_id,
        cast(date_trunc('week', event_date) as date) as active_week
    from {{ ref("feat_user_daily") }}
),

cohorts as (
    select
        user_id,
        min(active_week) as cohort_week
    from user_weeks
    group by user_id
),

cohort_sizes as (
    select
        cohort_week,
        count(*) as cohort_users
    from cohorts
    group by cohort_week
),

activity as (
    select
        cohorts.cohort_week,
        user_weeks.active_week,
        count(*) as active_users
    from user_weeks
    inner join cohorts on user_weeks.user_id = cohorts.user_id
    group by cohorts.cohort_week, user_weeks.active_week
),

last_day as (
    select max(event_date) as last_date
    from {{ ref("feat_user_daily") }}
),

-- Weeks in which nobody of a cohort came are rows too: a rate of 0 is an answer.
cohort_weeks as (
    select
        cohort_sizes.cohort_week,
        cohort_sizes.cohort_users,
        last_day.last_date,
        cast(unnest(generate_series(cohort_sizes.cohort_week, last_day.last_date, interval '7' day)) as date)
            as active_week
    from cohort_sizes
    cross join last_day
)

select
    cohort_weeks.cohort_week,
    cast((cohort_weeks.active_week - cohort_weeks.cohort_week) / 7 as integer) as week_number,
    cohort_weeks.active_week,
    cohort_weeks.cohort_users,
    coalesce(activity.active_users, 0) as active_users,
    coalesce(activity.active_users, 0) / cohort_weeks.cohort_users as retention,
    cohort_weeks.active_week + 6 <= cohort_weeks.last_date as is_whole_week
from cohort_weeks
left join activity
    on cohort_weeks.cohort_week = activity.cohort_week and cohort_weeks.active_week = activity.active_week
