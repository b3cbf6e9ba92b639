with
earlier as (
    select * from {{ ref('stg_history__account_health') }}
),

scores as (
    select * from {{ ref('int_health_score__scores') }}
),

run as (
    select
        as_of_date,
        policy_version
    from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__score_settings') }}
),

edges as (
    select
        {{ add_days('run.as_of_date', '-settings.week_days') }} as week_on,
        {{ add_days('run.as_of_date', '-settings.week_oldest_days') }} as week_oldest_on,
        {{ add_days('run.as_of_date', '-settings.month_days') }} as month_on,
        {{ add_days('run.as_of_date', '-settings.month_oldest_days') }} as month_oldest_on,
        run.policy_version
    from run
    cross join settings
),

compared as (
    select
        earlier.account_id,
        max(case
            when earlier.as_of_date <= edges.week_on and earlier.as_of_date >= edges.week_oldest_on
                then earlier.as_of_date
        end) as week_as_of,
        max(case
            when earlier.as_of_date <= edges.month_on and earlier.as_of_date >= edges.month_oldest_on
                then earlier.as_of_date
        end) as month_as_of
    from earlier
    cross join edges
    group by earlier.account_id
),

run_before as (
    select max(as_of_date) as as_of_date from earlier
)

select
    scores.account_id,
    week.score as week_score,
    week.tier as week_tier,
    month.score as month_score,
    before.score as before_score,
    before.status as before_status,
    before.tier as before_tier,
    coalesce(before.final_status, before.status) as before_final_status,
    case when before.policy_version = edges.policy_version then before.score else rescored.score end
        as before_score_under_policy
from scores
cross join edges
cross join run_before
left join compared on scores.account_id = compared.account_id
left join earlier as week on scores.account_id = week.account_id and compared.week_as_of = week.as_of_date
left join earlier as month on scores.account_id = month.account_id and compared.month_as_of = month.as_of_date
left join earlier as before on scores.account_id = before.account_id and run_before.as_of_date = before.as_of_date
left join scores as rescored on scores.account_id = rescored.account_id and rescored.basis = 'before'
where scores.basis = 'now'
