with
said as (
    select
        as_of_date,
        reconstructed,
        count(*) as accounts
    from {{ ref('stg_history__account_churn_monthly') }}
    group by as_of_date, reconstructed
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__backtest_settings') }}
),

by_date as (
    select
        said.as_of_date,
        {{ start_of('month', 'said.as_of_date') }} as month_starts_on,
        sum(said.accounts) as accounts,
        max(case when said.reconstructed then 1 else 0 end) = 1 as is_reconstructed
    from said
    cross join run
    cross join settings
    where
        said.as_of_date < run.as_of_date
        and said.as_of_date >= {{ add_months_to(start_of('month', 'run.as_of_date'), '-settings.months') }}
    group by said.as_of_date
),

months as (
    select max(as_of_date) as as_of_date
    from by_date
    group by month_starts_on
)

select
    by_date.as_of_date as scored_on,
    cast(by_date.accounts as bigint) as accounts,
    by_date.is_reconstructed,
    settings.reconstructed_too or not by_date.is_reconstructed as is_used
from by_date
inner join months on by_date.as_of_date = months.as_of_date
cross join settings
