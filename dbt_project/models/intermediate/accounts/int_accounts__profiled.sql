with
accounts as (
    select * from {{ ref('stg_landing__accounts') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
)

select
    accounts.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.owner_email,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    case
        when accounts.churned_on is not null then accounts.churned_on <= run.as_of_date
        else coalesce(accounts.lifecycle, '') = 'churned'
    end as is_churned
from accounts
cross join run
