with recursive
contracts as (
    select * from {{ ref('stg_landing__contracts') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select chain_days from {{ ref('stg_policy__churn_settings') }}
),

ends as (
    select distinct
        account_id,
        product,
        end_date
    from contracts
),

-- What follows a contract hangs on its end alone: of those that start near it and end later, the latest-ending.
following as (
    select
        ends.account_id,
        ends.product,
        ends.end_date,
        max(contracts.end_date) as next_end_date
    from ends
    cross join settings
    inner join contracts
        on
            ends.account_id = contracts.account_id
            and ends.product = contracts.product
            and contracts.end_date > ends.end_date
            and contracts.start_date >= {{ add_days('ends.end_date', '-settings.chain_days') }}
            and contracts.start_date <= {{ add_days('ends.end_date', 'settings.chain_days') }}
    group by ends.account_id, ends.product, ends.end_date
),

current_ends as (
    select distinct
        contracts.account_id,
        contracts.product,
        contracts.end_date
    from contracts
    cross join run
    where contracts.start_date <= run.as_of_date and contracts.end_date >= run.as_of_date
),

chains as (
    select
        account_id,
        product,
        end_date as first_end_date,
        end_date
    from current_ends
    union all
    select
        chains.account_id,
        chains.product,
        chains.first_end_date,
        following.next_end_date as end_date
    from chains
    inner join following
        on
            chains.account_id = following.account_id
            and chains.product = following.product
            and chains.end_date = following.end_date
),

chain_ends as (
    select
        account_id,
        product,
        first_end_date,
        max(end_date) as chain_end_date
    from chains
    group by account_id, product, first_end_date
)

select
    account_id,
    min(chain_end_date) as renewal_date
from chain_ends
group by account_id
