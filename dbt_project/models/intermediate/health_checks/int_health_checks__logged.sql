with
activities as (
    select
        *,
        {{ spaces_collapsed('subject') }} as plain_subject
    from {{ ref('stg_landing__activities') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

patterns as (
    select pattern, scope_id from {{ ref('stg_policy__health_check_subject_patterns') }}
),

rules as (
    select scope_id, require_attachment from {{ ref('stg_policy__health_check_rules') }}
),

not_delivered as (
    select status from {{ ref('stg_policy__health_check_not_delivered_statuses') }}
),

-- Two patterns of one scope may both fit a subject: distinct makes it one health check.
matched as (
    select distinct
        activities.activity_id,
        patterns.scope_id,
        activities.account_id,
        activities.owner_name,
        activities.occurred_at,
        activities.occurred_on,
        activities.opportunity_id,
        activities.opportunity_name,
        activities.revenue,
        activities.revenue_currency,
        activities.has_attachment,
        activities.status
    from activities
    cross join patterns
    cross join run
    where
        position(patterns.pattern in activities.plain_subject) > 0
        and activities.occurred_on <= run.as_of_date
)

select
    matched.activity_id,
    matched.scope_id,
    matched.account_id,
    matched.owner_name,
    matched.occurred_at,
    matched.occurred_on,
    matched.opportunity_id,
    matched.opportunity_name,
    matched.revenue,
    matched.revenue_currency,
    matched.status,
    matched.has_attachment or not rules.require_attachment as is_evidenced,
    not_delivered.status is null as is_held
from matched
inner join rules on matched.scope_id = rules.scope_id
left join not_delivered on matched.status = not_delivered.status
