with
feed as (
    select * from {{ ref('fct_feed_sales') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    feed.account_id,
    feed.account_name,
    feed.owner_name,
    feed.csm_name,
    feed.ae_name,
    feed.geo,
    feed.region,
    feed.segment,
    feed.score,
    feed.status,
    feed.final_status,
    feed.tier,
    feed.confidence,
    feed.change_week,
    feed.change_month,
    feed.is_at_risk,
    feed.newly_at_risk,
    feed.churn_probability,
    feed.churn_reason,
    feed.arr,
    feed.renewal_date,
    feed.days_to_renewal,
    feed.renewal_quarter,
    feed.expected_churned_arr,
    feed.expected_retained_arr,
    feed.expansion_type,
    feed.is_handed_off,
    feed.expansion_priority,
    feed.expansion_potential_arr,
    feed.expansion_expected_arr,
    feed.expansion_close_probability,
    feed.expansion_timing,
    feed.expansion_justification,
    feed.expansion_verified_by,
    feed.summary,
    feed.reconstructed
from feed
cross join run
