with
facts as (
    select * from {{ ref('int_health_score__facts') }}
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

standing as (
    select account_id from {{ ref('int_accounts__standing') }}
    where is_scored
),

rules as (
    select * from {{ ref('stg_policy__theme_rules') }}
),

met as (
    select
        facts.account_id,
        facts.fact,
        rules.theme,
        rules.theme_rank,
        rules.severity,
        coalesce(
            facts.words,
            rules.fact_label || ' ' || {{ number_words('facts.value') }}
            || case when rules.unit in ('%', 'hours') then ' ' || rules.unit else '' end || ' (' || rules.band || ')'
        ) as evidence,
        row_number() over (
            partition by facts.account_id, rules.theme, facts.fact
            order by rules.severity desc nulls last, rules.value_from nulls first
        ) as rule_place
    from facts
    inner join standing on facts.account_id = standing.account_id
    inner join accounts on facts.account_id = accounts.account_id
    inner join rules
        on
            facts.fact = rules.fact
            and facts.value >= rules.value_from
            and facts.value <= rules.value_to
            and (
                rules.lifecycle is null
                or rules.lifecycle = accounts.lifecycle
                or (rules.lifecycle = '!onboarding' and coalesce(accounts.lifecycle, '') <> 'onboarding')
            )
),

-- Of the rules of a theme that one fact meets, the most severe speaks.
ranked as (
    select
        *,
        row_number() over (
            partition by account_id, theme
            order by severity desc nulls last, fact nulls last
        ) as fact_place
    from met
    where rule_place = 1
),

-- Most themes show in few facts, and joining sorted texts is dear: only those beyond the third are joined so.
first_facts as (
    select
        account_id,
        theme,
        theme_rank,
        max(severity) as severity,
        max(case when fact_place = 1 then evidence end) as first_evidence,
        max(case when fact_place = 2 then evidence end) as second_evidence,
        max(case when fact_place = 3 then evidence end) as third_evidence
    from ranked
    group by account_id, theme, theme_rank
),

more_facts as (
    select
        account_id,
        theme,
        {{ join_text('evidence', '; ', ['fact_place']) }} as evidence
    from ranked
    where fact_place > 3
    group by account_id, theme
),

themes as (
    select
        first_facts.account_id,
        first_facts.theme,
        first_facts.theme_rank,
        first_facts.severity,
        first_facts.first_evidence || coalesce('; ' || first_facts.second_evidence, '') as main_evidence,
        coalesce('; ' || first_facts.third_evidence, '') || coalesce('; ' || more_facts.evidence, '') as more_evidence
    from first_facts
    left join more_facts
        on first_facts.account_id = more_facts.account_id and first_facts.theme = more_facts.theme
)

select
    account_id,
    theme,
    cast(severity as int) as severity,
    main_evidence || more_evidence as evidence,
    main_evidence,
    cast(row_number() over (partition by account_id order by severity desc nulls last, theme_rank nulls last) as int)
        as place
from themes
