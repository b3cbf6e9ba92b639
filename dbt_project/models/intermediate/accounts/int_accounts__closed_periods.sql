{{ config(materialized='view') }}

with
accounts as (
    select
        account_id,
        lower(trim(industry)) as industry_key
    from {{ ref('stg_landing__accounts') }}
),

periods as (
    select * from {{ ref('stg_policy__closed_periods') }}
)

select
    accounts.account_id,
    periods.closed_from,
    periods.closed_until,
    periods.opens_on
from accounts
inner join periods on accounts.industry_key = periods.industry_key
