{{ config(materialized='view') }}

with
causes as (
    select * from {{ ref('fct_action_causes') }}
),

decided as (
    select * from {{ ref('fct_decided_actions') }}
),

accounts as (
    select * from {{ ref('fct_account_signals') }}
),

settings as (
    select * from {{ ref('stg_policy__action_settings') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

moves as (
    select
        action_id,
        from_status,
        to_status,
        acted_by,
        row_number() over (
            partition by action_id
            order by acted_at desc nulls last, transition_id desc nulls last
        ) as place
    from {{ ref('stg_landing__action_log') }}
),

-- Where the engine's own word was the last, an action that waits stands where today's mode puts it; what people and
-- connectors did stays.
moved as (
    select
        action_id,
        to_status
    from moves
    where
        place = 1
        and not (
            acted_by = 'engine'
            and coalesce(from_status, '') <> 'snoozed'
            and to_status in ('queued', 'pending_approval', 'recommended', 'suppressed')
        )
)

select
    decided.action_id,
    decided.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    causes.kind,
    decided.action,
    decided.subject,
    decided.subject_kind,
    causes.origin,
    causes.rule,
    causes.title,
    decided.owner_role,
    decided.owner,
    decided.priority,
    causes.sensitivity,
    causes.reaches_customer,
    causes.touches_price,
    causes.belongs_to_plan,
    {{ mode_words('decided.mode_number') }} as mode,
    decided.level,
    {{ mode_words('decided.mode_by_level') }} as mode_by_level,
    {{ mode_words('decided.mode_by_matrix') }} as mode_by_matrix,
    case
        when decided.is_held_back then 'held_back'
        when moved.to_status is not null then moved.to_status
        else
            case decided.mode_number
                when 1 then 'queued' when 2 then 'pending_approval' when 3 then 'recommended' else 'suppressed'
            end
    end as status,
    decided.due_on,
    decided.episode_started_on,
    decided.created_on,
    coalesce(decided.created_on = run.as_of_date, false) as is_new,
    causes.rationale
    || case
        when causes.origin = 'plan'
            then {{ after_renewal_words('decided.due_on', add_days('run.as_of_date', 'accounts.days_to_renewal')) }}
        else ''
    end as rationale,
    causes.evidence,
    -- Without the semicolon before the first one.
    nullif(substr({{ action_guards('decided', 'accounts', 'settings') }}, 3), '') as guards
from causes
cross join settings
cross join run
inner join decided
    on
        causes.account_id = decided.account_id
        and causes.action = decided.action
        and causes.subject_kind = decided.subject_kind
        and causes.subject = decided.subject
inner join accounts on decided.account_id = accounts.account_id
left join moved on decided.action_id = moved.action_id
