{{ config(materialized='view') }}

with
decided as (
    select * from {{ ref('fct_decided_actions') }}
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

-- What has ended is remembered for as long as it keeps others back.
ended as (
    select
        before.action_id,
        before.account_id,
        before.action,
        before.subject_kind,
        before.subject,
        before.episode_started_on,
        before.created_on,
        before.auto_on,
        before.is_capped,
        false as is_open
    from before
    cross join settings
    cross join run
    left join decided on before.action_id = decided.action_id
    where
        decided.action_id is null
        and (
            before.created_on >= {{ window_starts_on('run.as_of_date', 'settings.cool_down_days') }}
            or before.auto_on >= {{ window_starts_on('run.as_of_date', 'settings.cap_days') }}
        )
)

select
    action_id,
    account_id,
    action,
    subject_kind,
    subject,
    episode_started_on,
    created_on,
    auto_on,
    is_capped,
    true as is_open
from decided
union all
select * from ended
