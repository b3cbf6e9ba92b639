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
    is_open
from {{ read_input(source('history', 'action_episodes')) }}
