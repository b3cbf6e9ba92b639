with
targets as (
    select * from {{ ref('fct_health_check_targets') }}
    where status in ('past_due', 'pending', 'upcoming')
),

accounts as (
    select account_id, health_data_enrolled from {{ ref('stg_landing__accounts') }}
),

profiled as (
    select account_id, csm_name from {{ ref('int_accounts__profiled') }}
),

scopes as (
    select segment_and_product, scope_id from {{ ref('int_health_checks__scopes') }}
    where product is not null
),

rules as (
    select scope_id, prepare_days_before_due from {{ ref('stg_policy__health_check_rules') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

health as (
    select
        account_id,
        score,
        confidence,
        missing_dimensions
    from {{ ref('fct_account_health') }}
),

decks as (
    select
        'health_check_deck' as kind,
        targets.account_id,
        targets.account_name,
        targets.target_id,
        targets.contract_id,
        targets.product,
        targets.milestone,
        targets.amount,
        targets.due_date as due_on,
        {{ add_days('targets.due_date', '-rules.prepare_days_before_due') }} as prepare_from,
        run.as_of_date,
        targets.owner_name,
        profiled.csm_name,
        targets.geo,
        targets.region,
        targets.segment,
        accounts.health_data_enrolled,
        health.score,
        health.confidence,
        health.missing_dimensions
    from targets
    inner join accounts on targets.account_id = accounts.account_id
    inner join profiled on targets.account_id = profiled.account_id
    inner join scopes
        on {{ segment_and_product('targets.segment', 'targets.product') }} = scopes.segment_and_product
    inner join rules on scopes.scope_id = rules.scope_id
    cross join run
    left join health on targets.account_id = health.account_id
),

judged as (
    select
        *,
        kind || ':' || target_id as document_id,
        -- Names of files hold nothing that the sources chose, but for letters, digits, - and _; the hash keeps two
        -- ids apart that look alike without the rest.
        'accounts/' || {{ file_slug('account_id') }} || '/health-check-' || cast(due_on as {{ type_text() }})
        || '-' || substr({{ text_key(['target_id']) }}, 1, 8) || '.pptx' as path,
        case when not health_data_enrolled then 'The account is not enrolled for health data' end as not_enrolled,
        case
            when score is null then 'It has no score'
            when confidence = 'low' and missing_dimensions is null then 'Confidence in its score is low'
            when confidence = 'low' then 'Confidence in its score is low; missing are ' || missing_dimensions
        end as not_known
    from decks
    where prepare_from <= as_of_date
),

told as (
    select
        *,
        case
            when not_enrolled is not null and not_known is not null then not_enrolled || '. ' || not_known || '.'
            else coalesce(not_enrolled, not_known) || '.'
        end as needs_person_reason
    from judged
)

select
    document_id,
    kind,
    account_id,
    account_name,
    target_id,
    contract_id,
    product,
    milestone,
    due_on,
    prepare_from,
    path,
    case when needs_person_reason is null then 'due' else 'needs_person' end as status,
    needs_person_reason,
    cast(row_number() over (order by due_on, amount desc nulls last, document_id) as int)
        as {{ adapter.quote('rank') }},
    confidence,
    health_data_enrolled,
    owner_name,
    csm_name,
    geo,
    region,
    segment
from told
