with
offers as (
    select * from {{ ref('fct_retention_offers') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    offers.account_id,
    offers.account_name,
    offers.owner_name,
    offers.csm_name,
    offers.ae_name,
    offers.geo,
    offers.region,
    offers.segment,
    offers.component,
    offers.component_rank,
    offers.offer,
    offers.credit_amount,
    offers.price_lock_years,
    offers.sla_pct,
    offers.why,
    offers.acts_on_probability,
    offers.arr,
    offers.reconstructed
from offers
cross join run
