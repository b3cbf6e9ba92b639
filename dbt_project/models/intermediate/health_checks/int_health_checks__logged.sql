with
activities as (
    select
        *,
        {{ lower_text('subject') }} as lower_subject
    from {{ ref('stg_landing__activities') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

patterns as (
    select
        pattern,
        scope_id,
        split_part(pattern, ' ', 1) as first_word
    from {{ ref('stg_policy__health_check_subject_patterns') }}
),

rules as (
    select scope_id, require_attachment from {{ ref('stg_policy__health_check_rules') }}
),

not_delivered as (
    select status from {{ ref('stg_policy__health_check_not_delivered_statuses') }}
),

-- Most subjects lack even the first word of a pattern, which is cheap to see; only the rest are read closely.
likely as (
    select
        activities.*,
        patterns.scope_id,
        patterns.pattern
    from activities
    cross join patterns
    cross join run
    where
        position(patterns.first_word in activities.lower_subject) > 0
        and activities.occurred_on <= run.as_of_date
),

-- Two patterns of one scope may both fit a subject: distinct makes it one health check.
matched as (
    select distinct
        activity_id,
        scope_id,
        account_id,
        owner_name,
        occurred_at,
        occurred_on,
        opportunity_id,
        opportunity_name,
        revenue,
        revenue_currency,
        has_attachment,
        status
    from likely
    where position(pattern in {{ spaces_collapsed('subject') }}) > 0
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
