with
health as (
    select * from {{ ref('fct_account_health') }}
),

earlier as (
    select * from {{ ref('stg_history__account_health') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__score_settings') }}
),

week as (
    select max(earlier.as_of_date) as as_of_date
    from earlier
    cross join run
    cross join settings
    where
        earlier.as_of_date <= {{ add_days('run.as_of_date', '-settings.status_mix_days') }}
        and earlier.as_of_date >= {{ add_days('run.as_of_date', '-settings.week_oldest_days') }}
),

then_and_now as (
    select
        'now' as basis,
        coalesce(status, 'none') as status,
        coalesce(tier, 'none') as tier,
        arr
    from health
    union all
    select
        'week' as basis,
        coalesce(earlier.status, 'none') as status,
        coalesce(earlier.tier, 'none') as tier,
        cast(null as decimal(18, 2)) as arr
    from earlier
    inner join week on earlier.as_of_date = week.as_of_date
),

parts as (
    select
        'status' as kind,
        status as value,
        basis,
        arr
    from then_and_now
    union all
    select
        'tier' as kind,
        tier as value,
        basis,
        arr
    from then_and_now
),

counted as (
    select
        kind,
        value,
        count(case when basis = 'now' then 1 end) as accounts,
        count(case when basis = 'week' then 1 end) as week_ago_accounts,
        coalesce(sum(arr), 0) as arr
    from parts
    group by kind, value
),

totals as (
    select
        count(case when basis = 'now' then 1 end) as accounts,
        count(case when basis = 'week' then 1 end) as week_ago_accounts
    from then_and_now
),

shared as (
    select
        counted.kind,
        counted.value,
        counted.accounts,
        counted.arr,
        {{ percentage('counted.accounts', 'totals.accounts') }} as share_pct,
        {{ percentage('counted.week_ago_accounts', 'totals.week_ago_accounts') }} as week_ago_pct
    from counted
    cross join totals
)

select
    shared.kind,
    shared.value,
    cast(shared.accounts as int) as accounts,
    cast(shared.arr as decimal(18, 2)) as arr,
    cast(shared.share_pct as decimal(5, 1)) as share_pct,
    cast(shared.week_ago_pct as decimal(5, 1)) as week_ago_pct,
    cast(shared.share_pct - shared.week_ago_pct as decimal(5, 1)) as change_points,
    shared.kind = 'status' and coalesce(abs(shared.share_pct - shared.week_ago_pct) > settings.status_mix_points, false)
        as is_large_move
from shared
cross join settings
