with
judged as (
    select * from {{ ref('fct_judged_actions') }}
    where not is_cooling
),

before as (
    select * from {{ ref('stg_history__action_episodes') }}
),

settings as (
    select * from {{ ref('stg_policy__action_settings') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

-- The most urgent new ones of each owner are made; a role without a person has a budget of its own.
ranked as (
    select
        action_id,
        row_number() over (
            partition by coalesce(owner, owner_role)
            order by priority, due_on, action_id
        ) as place
    from judged
    where created_before is null and mode_before_cap < 4
),

granted as (
    select ranked.action_id
    from ranked
    cross join settings
    where ranked.place <= settings.budget_actions or not settings.budget_enabled
),

created as (
    select
        judged.*,
        case
            when judged.created_before is not null then judged.created_before
            when granted.action_id is not null then run.as_of_date
        end as created_on,
        judged.created_before is null and judged.mode_before_cap < 4 and granted.action_id is null as is_held_back
    from judged
    cross join run
    left join granted on judged.action_id = granted.action_id
),

-- Automatic ones of the days before as_of count first, also where their cause has gone since.
automatic_before as (
    select
        before.account_id,
        count(*) as actions
    from before
    cross join run
    cross join settings
    where before.auto_on >= {{ window_starts_on('run.as_of_date', 'settings.cap_days') }}
    group by before.account_id
),

becoming_automatic as (
    select
        action_id,
        account_id,
        row_number() over (partition by account_id order by priority, action_id) as place
    from created
    where mode_before_cap = 1 and created_on is not null and auto_before is null and not capped_before
),

capped as (
    select becoming_automatic.action_id
    from becoming_automatic
    cross join settings
    left join automatic_before on becoming_automatic.account_id = automatic_before.account_id
    where
        settings.cap_enabled
        and becoming_automatic.place + coalesce(automatic_before.actions, 0) > settings.cap_actions
),

decided as (
    select
        created.*,
        settings.cap_enabled and (created.capped_before or capped.action_id is not null) as is_capped,
        settings.cap_mode
    from created
    cross join settings
    left join capped on created.action_id = capped.action_id
)

select
    decided.action_id,
    decided.account_id,
    decided.action,
    decided.subject_kind,
    decided.subject,
    decided.priority,
    decided.owner_role,
    decided.owner,
    decided.level,
    decided.mode_by_level,
    decided.mode_by_matrix,
    {%- for guard in mode_guards() %}
        decided.by_{{ guard }},
    {%- endfor %}
    decided.is_blocked_outright,
    decided.is_capped,
    decided.is_held_back,
    case
        when decided.is_capped then greatest(decided.mode_before_cap, decided.cap_mode)
        else decided.mode_before_cap
    end as mode_number,
    decided.due_on,
    decided.episode_started_on,
    decided.created_on,
    case
        when decided.auto_before is not null then decided.auto_before
        when decided.mode_before_cap = 1 and decided.created_on is not null and not decided.is_capped
            then run.as_of_date
    end as auto_on
from decided
cross join run
