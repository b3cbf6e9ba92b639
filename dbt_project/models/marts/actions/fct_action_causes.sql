{{ config(materialized='view') }}

with
matches as (
    select * from {{ ref('fct_rule_matches') }}
),

catalogue as (
    select * from {{ ref('stg_policy__action_catalogue') }}
),

origins as (
    select * from {{ ref('stg_policy__action_origins') }}
),

priorities as (
    select * from {{ ref('stg_policy__action_priorities') }}
),

candidates as (
    select * from {{ ref('fct_health_check_candidates') }}
),

plans as (
    select * from {{ ref('fct_retention_plans') }}
),

stages as (
    select * from {{ ref('fct_expansion_stages') }}
),

alerts as (
    select * from {{ ref('fct_alerts') }}
    where is_open
),

surveys as (
    select * from {{ ref('fct_survey_queue') }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
),

from_rules as (
    select
        matches.account_id,
        matches.action,
        matches.subject_kind,
        matches.subject,
        'rule' as origin,
        matches.rule,
        matches.priority,
        catalogue.kind,
        catalogue.sensitivity,
        catalogue.reaches_customer,
        catalogue.touches_price,
        false as belongs_to_plan,
        false as requires_review,
        catalogue.is_suppressed_by_blocker,
        catalogue.mode_key,
        matches.action as owner_key,
        cast(null as {{ type_text() }}) as role_given,
        cast(null as {{ type_text() }}) as owner_given,
        catalogue.due_days,
        cast(null as date) as due_date,
        catalogue.title,
        matches.rationale,
        matches.evidence
    from matches
    inner join catalogue on matches.action = catalogue.action
),

from_elsewhere as (
    select
        candidates.account_id,
        origins.action,
        'health_check' as subject_kind,
        candidates.target_id as subject,
        'health_check' as origin,
        priorities.priority,
        origins.kind,
        origins.reaches_customer,
        origins.touches_price,
        false as belongs_to_plan,
        false as requires_review,
        'origin:health_check' as owner_key,
        cast(null as {{ type_text() }}) as role_given,
        cast(null as {{ type_text() }}) as owner_given,
        cast(null as int) as due_days,
        candidates.due_date,
        origins.title,
        {{ flag_reason('candidates') }} as rationale,
        {{ evidence_of([
            ('contract_id', 'text'), ('milestone', 'word'), ('due_date', 'date'), ('window_opens_on', 'date'),
            ('window_closes_on', 'date')
        ], 'candidates') }} as evidence
    from candidates
    cross join run
    inner join origins on origins.origin = 'health_check'
    inner join priorities on priorities.origin = 'health_check' and candidates.status = priorities.variant

    union all

    select
        plans.account_id,
        plans.step as action,
        'plan' as subject_kind,
        plans.account_id as subject,
        'plan' as origin,
        priorities.priority,
        origins.kind,
        plans.reaches_customer,
        plans.touches_price,
        true as belongs_to_plan,
        plans.requires_review,
        'role:' || plans.owner_role as owner_key,
        cast(null as {{ type_text() }}) as role_given,
        cast(null as {{ type_text() }}) as owner_given,
        case when plans.planned_on is null then {{ days_between('run.as_of_date', 'plans.due_on') }} end as due_days,
        plans.planned_on as due_date,
        plans.action as title,
        plans.why as rationale,
        {{ evidence_of([
            ('level', 'word'), ('phase', 'word'), ('acts_on_probability', 'number'), ('final_status', 'word'),
            ('days_to_renewal', 'number')
        ], 'plans') }} as evidence
    from plans
    cross join run
    inner join origins on origins.origin = 'plan'
    inner join priorities on priorities.origin = 'plan' and plans.level = priorities.variant

    union all

    select
        stages.account_id,
        'expansion_week_' || cast(stages.week as {{ type_text() }}) as action,
        'expansion' as subject_kind,
        stages.type as subject,
        'expansion' as origin,
        priorities.priority,
        origins.kind,
        stages.reaches_customer,
        stages.touches_price,
        true as belongs_to_plan,
        false as requires_review,
        'origin:expansion' as owner_key,
        cast(null as {{ type_text() }}) as role_given,
        cast(null as {{ type_text() }}) as owner_given,
        {{ days_between('run.as_of_date', 'stages.due_on') }} as due_days,
        cast(null as date) as due_date,
        stages.stage || ': ' || stages.work as title,
        stages.justification as rationale,
        {{ evidence_of([
            ('type', 'word'), ('week', 'number'), ('potential_arr', 'number'), ('priority', 'text')
        ], 'stages') }} as evidence
    from stages
    cross join run
    inner join origins on origins.origin = 'expansion'
    inner join priorities on priorities.origin = 'expansion'

    union all

    select
        alerts.account_id,
        origins.action,
        'alert' as subject_kind,
        alerts.alert_id as subject,
        'alert' as origin,
        priorities.priority,
        origins.kind,
        origins.reaches_customer,
        origins.touches_price,
        false as belongs_to_plan,
        false as requires_review,
        cast(null as {{ type_text() }}) as owner_key,
        alerts.to_role as role_given,
        alerts.to_name as owner_given,
        cast(null as int) as due_days,
        {{ business_date('alerts.next_due_at', 'run.time_zone') }} as due_date,
        alerts.title,
        alerts.evidence as rationale,
        {{ evidence_of([
            ('alert', 'word'), ('subject_kind', 'word'), ('subject', 'text'), ('raised_on', 'date'), ('value', 'number'),
            ('next_step', 'word')
        ], 'alerts') }} as evidence
    from alerts
    cross join run
    inner join origins on origins.origin = 'alert'
    inner join priorities on priorities.origin = 'alert'

    union all

    select
        surveys.account_id,
        origins.action,
        'survey' as subject_kind,
        surveys.subject,
        origins.origin,
        priorities.priority,
        origins.kind,
        origins.reaches_customer,
        origins.touches_price,
        false as belongs_to_plan,
        false as requires_review,
        'origin:' || origins.origin as owner_key,
        cast(null as {{ type_text() }}) as role_given,
        cast(null as {{ type_text() }}) as owner_given,
        cast(null as int) as due_days,
        surveys.due_on as due_date,
        origins.title,
        surveys.reason as rationale,
        {{ evidence_of([
            ('survey_type', 'word'), ('subject', 'text'), ('due_on', 'date'), ('sent_on', 'date'), ('held_back', 'word')
        ], 'surveys') }} as evidence
    from surveys
    inner join origins
        on origins.origin = case when surveys.kind = 'follow_up' then 'survey_follow_up' else 'survey' end
    inner join priorities on origins.origin = priorities.origin
)

select
    account_id,
    action,
    subject_kind,
    subject,
    origin,
    rule,
    priority,
    kind,
    sensitivity,
    reaches_customer,
    touches_price,
    belongs_to_plan,
    requires_review,
    is_suppressed_by_blocker,
    mode_key,
    owner_key,
    role_given,
    owner_given,
    due_days,
    due_date,
    title,
    rationale,
    evidence
from from_rules

union all

select
    account_id,
    action,
    subject_kind,
    subject,
    origin,
    cast(null as {{ type_text() }}) as rule,
    priority,
    kind,
    {{ sensitivity_of('touches_price', 'reaches_customer') }} as sensitivity,
    reaches_customer,
    touches_price,
    belongs_to_plan,
    requires_review,
    false as is_suppressed_by_blocker,
    'sensitivity:' || {{ sensitivity_of('touches_price', 'reaches_customer') }} as mode_key,
    owner_key,
    role_given,
    owner_given,
    due_days,
    due_date,
    title,
    rationale,
    evidence
from from_elsewhere
