with
causes as (
    select
        account_id,
        action,
        subject_kind,
        subject,
        priority,
        kind,
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
        due_date
    from {{ ref('fct_action_causes') }}
),

accounts as (
    select * from {{ ref('fct_account_signals') }}
),

before as (
    select * from {{ ref('stg_history__action_episodes') }}
),

levels as (
    select * from {{ ref('stg_policy__action_levels') }}
),

modes as (
    select * from {{ ref('stg_policy__action_modes') }}
),

owners as (
    select * from {{ ref('stg_policy__action_owners') }}
),

renewal_kinds as (
    select * from {{ ref('stg_policy__action_renewal_kinds') }}
),

settings as (
    select * from {{ ref('stg_policy__action_settings') }}
),

closed as (
    select * from {{ ref('int_accounts__closed_periods') }}
),

run as (
    select
        as_of_date,
        automation_level
    from {{ ref('stg_run__context') }}
),

-- What guards look at, account by account; an account that isn't scored has no confidence.
watched as (
    select
        accounts.account_id,
        accounts.segment_key,
        accounts.csm_name,
        accounts.owner_name,
        accounts.ae_name,
        coalesce(levels.level, run.automation_level, settings.default_level) as level,
        settings.churned_enabled and accounts.is_churned as is_churned,
        settings.executive_complaint_enabled and coalesce(accounts.has_open_executive_complaint, false)
            as has_complaint,
        settings.major_blocker_enabled and coalesce(accounts.open_major_blockers, 0) > 0 as is_blocked,
        settings.red_status_enabled and coalesce(accounts.final_status = settings.red_status, false) as is_red,
        settings.churn_risk_enabled and coalesce(accounts.acts_on_probability > settings.churn_risk_above, false)
            as is_leaving,
        settings.low_confidence_enabled
        and (
            coalesce(accounts.confidence, 'low') = 'low'
            or (settings.low_confidence_is_medium and accounts.confidence = 'medium')
        ) as is_uncertain,
        settings.renewal_enabled and coalesce(accounts.days_to_renewal <= settings.renewal_within_days, false)
            as is_renewing
    from accounts
    cross join settings
    cross join run
    inner join levels on accounts.segment_key = levels.segment_key
),

guarded as (
    select
        causes.account_id,
        causes.action,
        causes.subject_kind,
        causes.subject,
        causes.priority,
        causes.due_days,
        causes.due_date,
        causes.reaches_customer,
        watched.level,
        modes.mode_by_level,
        modes.mode_by_matrix,
        case
            when causes.role_given is not null then causes.role_given
            when {{ person_of('owners.field_1', 'watched') }} is not null then owners.role_1
            when {{ person_of('owners.field_2', 'watched') }} is not null then owners.role_2
            when {{ person_of('owners.field_3', 'watched') }} is not null then owners.role_3
            else owners.role_1
        end as owner_role,
        coalesce(
            causes.owner_given,
            {{ person_of('owners.field_1', 'watched') }},
            {{ person_of('owners.field_2', 'watched') }},
            {{ person_of('owners.field_3', 'watched') }}
        ) as owner,
        watched.is_churned as by_churned,
        watched.has_complaint and causes.reaches_customer as by_executive_complaint,
        watched.is_blocked and (causes.reaches_customer or causes.is_suppressed_by_blocker) as by_major_blocker,
        watched.is_blocked and causes.is_suppressed_by_blocker as is_blocked_outright,
        watched.is_red and causes.reaches_customer as by_red_status,
        watched.is_leaving and (causes.reaches_customer or causes.touches_price or causes.belongs_to_plan)
            as by_churn_risk,
        watched.is_uncertain and (causes.reaches_customer or causes.touches_price or causes.belongs_to_plan)
            as by_low_confidence,
        watched.is_renewing and renewal_kinds.kind is not null as by_renewal,
        settings.plan_review_enabled and causes.requires_review as by_plan_review
    from causes
    cross join settings
    inner join watched on causes.account_id = watched.account_id
    inner join modes
        on
            causes.mode_key = modes.mode_key
            and watched.segment_key = modes.segment_key
            and watched.level = modes.level
    left join owners on causes.owner_key = owners.owner_key
    left join renewal_kinds on causes.kind = renewal_kinds.kind
),

moded as (
    select
        guarded.*,
        greatest(
            guarded.mode_by_level,
            {%- for guard in mode_guards() %}
                case when guarded.by_{{ guard }} then settings.{{ guard }}_mode else 1 end,
            {%- endfor %}
            case when guarded.is_blocked_outright then 4 else 1 end,
            guarded.mode_by_matrix
        ) as mode_before_cap
    from guarded
    cross join settings
),

-- An episode goes on while its cause was there at the run before too.
standing as (
    select
        account_id,
        action,
        subject_kind,
        subject,
        episode_started_on,
        created_on,
        auto_on,
        is_capped
    from before
    where is_open
),

-- What was created not long ago and has ended since.
cooling as (
    select
        before.account_id,
        before.action,
        before.subject_kind,
        before.subject,
        max(before.created_on) as created_on
    from before
    cross join run
    cross join settings
    where
        settings.cool_down_enabled
        and not before.is_open
        and before.created_on >= {{ window_starts_on('run.as_of_date', 'settings.cool_down_days') }}
    group by before.account_id, before.action, before.subject_kind, before.subject
),

placed as (
    select
        moded.*,
        coalesce(standing.episode_started_on, run.as_of_date) as episode_started_on,
        standing.created_on as created_before,
        standing.auto_on as auto_before,
        coalesce(standing.is_capped, false) as capped_before,
        cooling.created_on is not null
        and (standing.account_id is null or (standing.created_on is null and moded.mode_before_cap < 4)) as is_cooling
    from moded
    cross join run
    left join standing
        on
            moded.account_id = standing.account_id
            and moded.action = standing.action
            and moded.subject_kind = standing.subject_kind
            and moded.subject = standing.subject
    left join cooling
        on
            moded.account_id = cooling.account_id
            and moded.action = cooling.action
            and moded.subject_kind = cooling.subject_kind
            and moded.subject = cooling.subject
),

dated as (
    select
        *,
        {{ text_key(['account_id', 'action', 'subject_kind', 'subject', 'episode_started_on']) }} as action_id,
        greatest(
            coalesce(due_date, {{ add_days('episode_started_on', 'due_days') }}), episode_started_on
        ) as due_before_closed_weeks
    from placed
)

-- What reaches the customer, and every step of a renewal, waits for the end of closed weeks.
select
    dated.*,
    coalesce(closed.opens_on, dated.due_before_closed_weeks) as due_on
from dated
left join closed
    on
        dated.account_id = closed.account_id
        and (dated.reaches_customer or (dated.subject_kind = 'plan' and dated.due_date is not null))
        and dated.due_before_closed_weeks between closed.closed_from and closed.closed_until
