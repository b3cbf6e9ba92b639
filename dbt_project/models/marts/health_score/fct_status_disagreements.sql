{{ config(materialized='view') }}

with
health as (
    select * from {{ ref('fct_account_health') }}
)

select
    account_id,
    account_name,
    owner_name,
    csm_name,
    geo,
    region,
    segment,
    score,
    status,
    csm_status,
    case
        when csm_status = 'GREEN' or (csm_status = 'YELLOW' and status = 'RED') then 'better' else 'worse'
    end as call_is,
    case
        when root_cause is null then 'the score is ' || {{ number_words('score') }}
        else
            'the score is '
            || {{ number_words('score') }}
            || ', mainly '
            || {{ name_words('root_cause') }}
            || ': '
            || root_evidence
    end as machine_reason,
    csm_reason,
    csm_called_by,
    csm_called_on,
    csm_expires_on
from health
where csm_status <> status
