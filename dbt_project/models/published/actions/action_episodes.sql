with
episodes as (
    select * from {{ ref('fct_action_episodes') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    episodes.action_id,
    episodes.account_id,
    episodes.action,
    episodes.subject_kind,
    episodes.subject,
    episodes.episode_started_on,
    episodes.created_on,
    episodes.auto_on,
    episodes.is_capped,
    episodes.is_open
from episodes
cross join run
