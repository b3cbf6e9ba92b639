{{ config(materialized='view') }}

with
contracts as (
    select * from {{ ref('int_contracts__converted') }}
),

accounts as (
    select * from {{ ref('fct_account_signals') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
)

select
    contracts.contract_id,
    contracts.account_id,
    contracts.product,
    contracts.amount,
    {{ days_between('contracts.start_date', 'contracts.end_date') }} + 1 as term_days,
    {{ days_between('run.as_of_date', 'contracts.start_date') }} as days_to_start,
    {{ days_between('run.as_of_date', 'contracts.end_date') }} as days_to_end,
    contracts.start_date <= run.as_of_date and contracts.end_date >= run.as_of_date as is_current,
    contracts.auto_renew,
    accounts.segment,
    accounts.lifecycle,
    accounts.final_status,
    accounts.tier,
    accounts.score,
    accounts.arr,
    accounts.days_to_renewal,
    accounts.acts_on_probability,
    accounts.is_churned
from contracts
cross join run
inner join accounts on contracts.account_id = accounts.account_id
