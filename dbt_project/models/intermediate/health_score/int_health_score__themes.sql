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

-- Of the rules of a theme that one fact meets, the most severe speaks.
met as (
    select
        facts.account_id,
        rules.theme,
        rules.theme_rank,
        facts.fact,
        max(rules.severity) as severity
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
    group by facts.account_id, rules.theme, rules.theme_rank, facts.fact
),

said as (
    select
        met.account_id,
        met.theme,
        met.theme_rank,
        met.severity,
        met.fact,
        coalesce(
            facts.words,
            rules.fact_label || ' is ' || {{ number_words('facts.value') }}
            || case when rules.unit = '' then '' else ' ' || rules.unit end || ', ' || rules.band
        ) as evidence
    from met
    inner join facts on met.account_id = facts.account_id and met.fact = facts.fact
    inner join rules
        on
            met.theme = rules.theme
            and met.fact = rules.fact
            and met.severity = rules.severity
            and facts.value >= rules.value_from
            and facts.value <= rules.value_to
),

themes as (
    select
        account_id,
        theme,
        theme_rank,
        max(severity) as severity,
        {{ join_text('evidence', '; ', ['-severity', 'fact']) }} as evidence
    from said
    group by account_id, theme, theme_rank
)

select
    account_id,
    theme,
    cast(severity as int) as severity,
    evidence,
    cast(row_number() over (partition by account_id order by severity desc nulls last, theme_rank nulls last) as int)
        as place
from themes
