with
accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

contracts as (
    select * from {{ ref('int_contracts__converted') }}
),

opportunities as (
    select * from {{ ref('stg_landing__opportunities') }}
),

renewals as (
    select * from {{ ref('int_contracts__renewals') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__score_settings') }}
),

dated as (
    select
        contracts.account_id,
        contracts.start_date,
        contracts.end_date,
        contracts.amount,
        {{ days_between('contracts.start_date', 'contracts.end_date') }} + 1 as term_days,
        contracts.start_date <= run.as_of_date and contracts.end_date >= run.as_of_date as is_current,
        contracts.start_date <= run.as_of_date
        and contracts.end_date >= {{ window_starts_on('run.as_of_date', 'settings.scored_within_days') }} as is_recent,
        settings.annual_days,
        settings.year_days
    from contracts
    cross join run
    cross join settings
),

by_account as (
    select
        account_id,
        min(start_date) as first_contract_start,
        max(end_date) as last_contract_end,
        count(case when is_current then 1 end) as current_contracts,
        count(case when is_recent then 1 end) as recent_contracts,
        sum(case
            when is_current and term_days <= annual_days then cast(amount as decimal(28, 8))
            when is_current
                then
                    {{ divide_exact(
                        'cast(amount as decimal(24, 2)) * year_days', 'term_days', places=8, input_places=2
                    ) }}
        end) as arr
    from dated
    group by account_id
),

won as (
    select
        account_id,
        max(contract_end_date) as last_won_end
    from opportunities
    where is_won
    group by account_id
)

select
    accounts.account_id,
    accounts.segment_key,
    accounts.is_churned,
    not accounts.is_churned and coalesce(by_account.recent_contracts, 0) > 0 as is_scored,
    coalesce(by_account.current_contracts, 0) > 0 as has_current_contract,
    cast(cast(coalesce(by_account.arr, 0) as decimal(28, 6)) as decimal(18, 2)) as arr,
    by_account.first_contract_start,
    greatest(
        coalesce(by_account.last_contract_end, won.last_won_end),
        coalesce(won.last_won_end, by_account.last_contract_end)
    ) as customer_until,
    renewals.renewal_date,
    {{ days_between('run.as_of_date', 'renewals.renewal_date') }} as days_to_renewal
from accounts
cross join run
left join by_account on accounts.account_id = by_account.account_id
left join won on accounts.account_id = won.account_id
left join renewals on accounts.account_id = renewals.account_id
