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
    accounts.csm_name,
    accounts.ae_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    coalesce(accounts.segment, 'unknown') as segment_key,
    accounts.lifecycle,
    accounts.customer_since,
    accounts.reference_customer,
    accounts.self_managed,
    accounts.sla_target_pct,
    cast(accounts.capacity_upgrade_arr as decimal(18, 2)) as capacity_upgrade_arr,
    accounts.new_site_planned,
    accounts.new_site_count,
    cast(accounts.new_site_arr as decimal(18, 2)) as new_site_arr,
    accounts.new_site_timeline,
    cast(accounts.managed_services_arr as decimal(18, 2)) as managed_services_arr,
    case
        when accounts.churned_on is not null then accounts.churned_on <= run.as_of_date
        else coalesce(accounts.lifecycle, '') = 'churned'
    end as is_churned
from accounts
cross join run
