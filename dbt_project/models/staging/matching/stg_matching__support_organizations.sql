select
    source,
    organization_id,
    organization_name,
    external_id,
    domains,
    account_id,
    matched_by,
    created_at,
    known_from,
    known_until
from {{ read_input(source('matching', 'support_organizations')) }}
