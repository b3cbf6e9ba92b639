select
    throttle_days,
    quarterly_tenure_above_days,
    quarterly_every_days,
    onboarding_after_days,
    onboarding_grace_days,
    post_support_days,
    pre_renewal_days,
    follow_up_after_days,
    follow_up_until_days,
    promoter_at_least,
    detractor_at_most,
    z,
    steps_within_days
from {{ read_input(source('policy', 'survey_settings')) }}
