with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

at_risk as (
    select * from {{ ref('fct_at_risk_accounts') }}
),

outcomes as (
    select * from {{ ref('fct_intervention_outcomes') }}
    where origin <> 'none'
),

expansions as (
    select
        account_id,
        type,
        justification
    from {{ ref('fct_expansion_pipeline') }}
    where is_primary
),

retention as (
    select medium_above from {{ ref('stg_policy__retention_settings') }}
),

settings as (
    select * from {{ ref('stg_policy__report_settings') }}
),

score_settings as (
    select large_change_points from {{ ref('stg_policy__score_settings') }}
),

run as (
    select
        as_of_date,
        reporting_currency as currency,
        {{ start_of('month', 'as_of_date') }} as month_starts_on,
        {{ add_months_to(start_of('month', 'as_of_date'), '-1') }} as last_month_starts_on
    from {{ ref('stg_run__context') }}
    where cadence in ('monthly', 'quarterly')
),

changed as (
    select
        health.*,
        row_number() over (order by abs(health.change_month) desc, health.account_id) as place
    from health
    where health.large_change
),

large_changes as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        {{ count_words('count(case when changed.change_month > 0 then 1 end)', 'account', 'accounts') }}
        || ' rose and '
        || {{ count_words('count(case when changed.change_month < 0 then 1 end)', 'account', 'accounts') }}
        || ' fell by over '
        || {{ number_words('score_settings.large_change_points') }} || ' points in a month.' as text,
        count(changed.account_id) as figure,
        'accounts' as unit
    from score_settings
    left join changed on true
    group by score_settings.large_change_points
    union all
    select
        changed.place,
        changed.account_id,
        changed.account_name || ': ' || {{ change_words('changed.change_month') }} || ' to '
        || {{ number_words('changed.score') }} || ' (' || changed.status || ')'
        || coalesce('; ' || {{ name_words('changed.root_cause') }} || ': ' || changed.root_evidence, '') || '; '
        || {{ keeper_words('changed') }} || '.' as text,
        changed.change_month as figure,
        'points' as unit
    from changed
    cross join settings
    where changed.place <= settings.reviews_listed
),

at_risk_and_critical as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        {{ count_words("count(case when at_risk.tier = 'critical' then 1 end)", 'account is', 'accounts are') }}
        || ' critical and '
        || {{ count_words("count(case when at_risk.tier = 'at_risk' then 1 end)", 'account is', 'accounts are') }}
        || ' at risk, with ARR of ' || {{ money_words('coalesce(sum(at_risk.arr), 0)') }} || ' '
        || run.currency || '.'
            as text,
        count(at_risk.account_id) as figure,
        'accounts' as unit
    from run
    left join at_risk on true
    group by run.currency
    union all
    select
        at_risk.{{ adapter.quote('rank') }} as place,
        at_risk.account_id,
        at_risk.account_name || ' (' || {{ name_words('at_risk.tier') }} || ', ' || at_risk.phase || '): '
        || at_risk.score_trend || coalesce('; ' || at_risk.fell_first_words, '')
        || coalesce('; ' || at_risk.pain_points, '') || '; expected loss of '
        || {{ money_words('at_risk.expected_loss') }}
        || ' of ' || {{ money_words('at_risk.arr') }} || ' ' || run.currency
        || {{ renewal_words('at_risk') }} || '; '
        || {{ keeper_words('at_risk') }}
        || coalesce(', under way: ' || {{ name_words('at_risk.strategy') }}, ', nothing under way') || '.' as text,
        at_risk.score as figure,
        'points' as unit
    from at_risk
    cross join run
    cross join settings
    where at_risk.{{ adapter.quote('rank') }} <= settings.reviews_listed
),

-- Whom to call: accounts with a plan or a colour that asks for it, the most to save first.
called as (
    select
        churn.*,
        health.root_cause,
        health.root_evidence,
        health.missing_dimensions,
        expansions.justification as expansion_words,
        row_number() over (order by churn.intervention_priority desc, churn.account_id) as place
    from churn
    cross join retention
    inner join health on churn.account_id = health.account_id
    left join expansions on churn.account_id = expansions.account_id
    where
        churn.outreach_due_on is not null
        and (churn.acts_on_probability > retention.medium_above or churn.final_status in ('RED', 'YELLOW'))
),

outreach_plan as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        {{ count_words('count(called.account_id)', 'account', 'accounts') }} || ' to get in touch with, '
        || {{ money_words('count(case when called.csm_name is null then called.account_id end)') }}
        || ' without a CSM.'
            as text,
        count(called.account_id) as figure,
        'accounts' as unit
    from called
    union all
    select
        called.place,
        called.account_id,
        called.account_name || ', until ' || {{ date_words('called.outreach_due_on') }} || ', '
        || {{ keeper_words('called') }} || '. Talk about: '
        || coalesce({{ name_words('called.root_cause') }} || ' (' || called.root_evidence || '); ', '')
        || {{ factors_to_talk_about('called') }}
        || case
            when called.change_month < 0
                then 'the score, down ' || {{ number_words('-called.change_month') }} || ' in a month; '
            else ''
        end
        || coalesce('the renewal ' || {{ in_days_words('called.days_to_renewal') }} || '; ', '')
        || coalesce('room to grow: ' || called.expansion_words || ' ', '')
        || 'at stake are ' || {{ money_words('called.expected_loss') }} || ' of '
        || {{ money_words('called.arr') }} || ' '
        || run.currency || '.' as text,
        called.intervention_priority as figure,
        run.currency as unit
    from called
    cross join run
    cross join settings
    where called.place <= settings.reviews_listed
),

last_month as (
    select
        outcomes.*,
        row_number() over (order by outcomes.opened_on, outcomes.account_id, outcomes.intervention_id) as place
    from outcomes
    cross join run
    where
        (outcomes.opened_on >= run.last_month_starts_on and outcomes.opened_on < run.month_starts_on)
        or (outcomes.closed_on >= run.last_month_starts_on and outcomes.closed_on < run.month_starts_on)
        or (outcomes.recovered_on >= run.last_month_starts_on and outcomes.recovered_on < run.month_starts_on)
),

last_month_interventions as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        {{ month_words('run.last_month_starts_on') }} || ': '
        || {{ count_words('count(last_month.account_id)', 'intervention', 'interventions') }}
        || ' opened, closed or at their goal, '
        || {{ money_words('count(case when last_month.has_recovered then 1 end)') }} || ' recovered.' as text,
        count(last_month.account_id) as figure,
        'interventions' as unit
    from run
    left join last_month on true
    group by run.last_month_starts_on
    union all
    select
        last_month.place,
        last_month.account_id,
        last_month.account_name || ': ' || {{ name_words('last_month.strategy') }} || ', opened on '
        || {{ date_words('last_month.opened_on') }}
        || coalesce(', closed on ' || {{ date_words('last_month.closed_on') }}, ', under way')
        || case
            when last_month.has_recovered then ', recovered on ' || {{ date_words('last_month.recovered_on') }}
            when last_month.is_closed then ', not recovered'
            else ''
        end
        || coalesce(', score ' || {{ change_words('last_month.score_gain') }}, '') || '.' as text,
        last_month.score_gain as figure,
        'points' as unit
    from last_month
    cross join settings
    where last_month.place <= settings.reviews_listed
),

sections as (
    {%- for section in [
        'large_changes', 'at_risk_and_critical', 'outreach_plan', 'last_month_interventions'
    ] %}
        select
            '{{ section }}' as section,
            {{ loop.index }} as section_place,
            place,
            account_id,
            text,
            cast(figure as decimal(18, 2)) as figure,
            unit
        from {{ section }}
        {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    sections.section,
    sections.section_place,
    cast(sections.place as int) as place,
    sections.account_id,
    sections.text,
    sections.figure,
    sections.unit
from sections
cross join run
