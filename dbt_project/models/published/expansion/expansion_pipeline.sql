with
pipeline as (
    select * from {{ ref('fct_expansion_pipeline') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    pipeline.account_id,
    pipeline.account_name,
    pipeline.owner_name,
    pipeline.csm_name,
    pipeline.ae_name,
    pipeline.geo,
    pipeline.region,
    pipeline.segment,
    pipeline.type,
    pipeline.{{ adapter.quote('rank') }},
    pipeline.type_rank,
    pipeline.is_primary,
    pipeline.status,
    pipeline.score,
    pipeline.current_arr,
    pipeline.potential_arr,
    pipeline.close_probability,
    pipeline.expected_arr,
    pipeline.priority,
    pipeline.timing,
    pipeline.description,
    pipeline.justification,
    pipeline.qualified,
    pipeline.plan_limit,
    pipeline.plan_limit_evidence,
    pipeline.approaching_limit,
    pipeline.approaching_limit_evidence,
    pipeline.seat_growth,
    pipeline.seat_growth_evidence,
    pipeline.feature_requests,
    pipeline.feature_requests_evidence,
    pipeline.high_health,
    pipeline.high_health_evidence,
    pipeline.no_billing_issue,
    pipeline.no_billing_issue_evidence,
    pipeline.responsive,
    pipeline.responsive_evidence,
    pipeline.needs_verification,
    pipeline.verified_by,
    pipeline.reconstructed
from pipeline
cross join run
