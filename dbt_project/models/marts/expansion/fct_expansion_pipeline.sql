with
potentials as (
    select * from {{ ref('int_expansion__potentials') }}
),

criteria as (
    select * from {{ ref('int_expansion__criteria') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

measures as (
    select
        account_id,
        expansions
    from {{ ref('int_health_score__values') }}
),

additions as (
    select * from {{ ref('stg_policy__expansion_close_additions') }}
),

priorities as (
    select * from {{ ref('stg_policy__expansion_priorities') }}
),

settings as (
    select * from {{ ref('stg_policy__expansion_settings') }}
),

likely as (
    select
        potentials.*,
        cast(
            least(
                settings.close_base
                + coalesce(by_score.addition, 0)
                + coalesce(by_expansions.addition, 0)
                + settings.close_proactive,
                settings.close_most
            ) as decimal(5, 4)
        ) as close_probability
    from potentials
    cross join settings
    inner join measures on potentials.account_id = measures.account_id
    left join additions as by_score
        on
            by_score.kind = 'score'
            and potentials.score >= by_score.value_from
            and potentials.score <= by_score.value_to
    left join additions as by_expansions
        on
            by_expansions.kind = 'expansions'
            and measures.expansions >= by_expansions.value_from
            and measures.expansions <= by_expansions.value_to
),

-- The first priority that fits; what isn't known fits none.
fitting as (
    select
        likely.account_id,
        likely.type,
        min(priorities.priority_rank) as priority_rank
    from likely
    inner join priorities
        on likely.potential_arr >= priorities.potential_at_least and likely.score >= priorities.score_at_least
    group by likely.account_id, likely.type
),

valued as (
    select
        likely.*,
        cast(cast(likely.potential_arr as decimal(19, 2)) * likely.close_probability as decimal(18, 2)) as expected_arr,
        priorities.priority,
        row_number() over (partition by likely.account_id order by likely.type_rank) = 1 as is_primary
    from likely
    left join fitting on likely.account_id = fitting.account_id and likely.type = fitting.type
    left join priorities on fitting.priority_rank = priorities.priority_rank
)

select
    valued.account_id,
    health.account_name,
    health.owner_name,
    health.csm_name,
    health.ae_name,
    health.geo,
    health.region,
    health.segment,
    valued.type,
    cast(row_number() over (
        order by valued.expected_arr desc nulls last, valued.account_id, valued.type_rank
    ) as int) as {{ adapter.quote('rank') }},
    valued.type_rank,
    valued.is_primary,
    health.status,
    valued.score,
    valued.current_arr,
    valued.potential_arr,
    valued.close_probability,
    valued.expected_arr,
    valued.priority,
    valued.timing,
    valued.description,
    valued.justification,
    criteria.qualified,
    {% for criterion in expansion_criteria_names() %}
        criteria.{{ criterion }},
        criteria.{{ criterion }}_evidence,
    {% endfor %}
    coalesce(valued.potential_arr > settings.verification_above, false) as needs_verification,
    case when valued.potential_arr > settings.verification_above then settings.verification_role end as verified_by,
    health.reconstructed
from valued
cross join settings
inner join health on valued.account_id = health.account_id
inner join criteria on valued.account_id = criteria.account_id
