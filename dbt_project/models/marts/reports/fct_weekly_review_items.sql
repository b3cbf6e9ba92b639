with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select
        account_id,
        acts_on_probability,
        expected_loss,
        intervention_priority
    from {{ ref('fct_account_churn') }}
),

mix as (
    select * from {{ ref('fct_portfolio_mix') }}
),

outcomes as (
    select * from {{ ref('fct_intervention_outcomes') }}
),

decisions as (
    select * from {{ ref('fct_executive_decisions') }}
),

actions as (
    select * from {{ ref('fct_recommended_actions') }}
),

expansions as (
    select * from {{ ref('fct_expansion_pipeline') }}
),

forecast as (
    select * from {{ ref('fct_renewal_forecast') }}
),

settings as (
    select * from {{ ref('stg_policy__report_settings') }}
),

run as (
    select
        as_of_date,
        reporting_currency as currency,
        fiscal_year_start_month,
        {{ fiscal_quarter_number('as_of_date', 'fiscal_year_start_month') }} as quarter_number
    from {{ ref('stg_run__context') }}
    where cadence <> 'daily'
),

-- Newly at risk

fallen as (
    select
        health.*,
        churn.acts_on_probability,
        churn.expected_loss,
        row_number() over (order by churn.intervention_priority desc nulls last, health.account_id) as place
    from health
    left join churn on health.account_id = churn.account_id
    where health.newly_at_risk
),

newly_at_risk as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        {{ count_words('count(fallen.account_id)', 'account', 'accounts') }}
        || ' became at risk or critical within a week, with ARR of '
        || {{ money_words('coalesce(sum(fallen.arr), 0)') }}
        || ' ' || run.currency || '.' as text,
        count(fallen.account_id) as figure,
        'accounts' as unit
    from run
    left join fallen on true
    group by run.currency
    union all
    select
        fallen.place,
        fallen.account_id,
        fallen.account_name || ' fell to ' || {{ number_words('fallen.score') }} || ' ('
        || {{ name_words('fallen.tier') }}
        || '), ' || {{ change_words('fallen.change_week') }} || ' in a week'
        || coalesce('; ' || {{ name_words('fallen.root_cause') }} || ': ' || fallen.root_evidence, '')
        || '; expected loss of ' || {{ money_words('fallen.expected_loss') }} || ' of '
        || {{ money_words('fallen.arr') }}
        || ' ' || run.currency || {{ renewal_words('fallen') }} || '; ' || {{ keeper_words('fallen') }}
        || '.' as text,
        fallen.arr as figure,
        run.currency as unit
    from fallen
    cross join run
    cross join settings
    where fallen.place <= settings.reviews_listed
),

-- Week over week

moved as (
    select
        count(case when change_week > 0 then 1 end) as risen,
        count(case when change_week < 0 then 1 end) as fallen,
        count(change_week) as compared,
        {{ divide_exact('sum(change_week)', 'count(change_week)', places=1, input_places=1) }} as mean_change
    from health
),

week_over_week as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        case
            when moved.compared = 0 then 'No score of a week ago is kept to compare with.'
            else
                'Scores of ' || {{ count_words('moved.risen', 'account', 'accounts') }} || ' rose and of '
                || {{ count_words('moved.fallen', 'account', 'accounts') }} || ' fell; the mean is '
                || {{ change_words('moved.mean_change') }} || '.'
        end as text,
        moved.mean_change as figure,
        'points' as unit
    from moved
    union all
    select
        case mix.value when 'RED' then 1 when 'YELLOW' then 2 when 'GREEN' then 3 else 4 end as place,
        cast(null as {{ type_text() }}) as account_id,
        case when mix.value = 'none' then 'Without a score' else mix.value end || ': '
        || {{ count_words('mix.accounts', 'account', 'accounts') }} || ' with ARR of '
        || {{ money_words('mix.arr') }}
        || ' ' || run.currency || coalesce(', ' || {{ number_words('mix.share_pct') }} || ' % of all', '')
        || coalesce(
            ', ' || {{ change_words('mix.change_points') }}
            || case when mix.change_points = 0 then '' else ' points' end || ' in a week',
            ''
        ) || '.' as text,
        mix.accounts as figure,
        'accounts' as unit
    from mix
    cross join run
    where mix.kind = 'status'
),

-- Interventions that worked

worked as (
    select
        outcomes.*,
        row_number() over (
            order by outcomes.score_gain desc nulls last, outcomes.account_id, outcomes.intervention_id
        ) as place
    from outcomes
    cross join run
    cross join settings
    where
        outcomes.origin <> 'none'
        and outcomes.recovered_on >= {{ window_starts_on('run.as_of_date', 'settings.week_days') }}
),

interventions_worked as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        case
            when count(worked.account_id) = 0 then 'No intervention brought an account back this week.'
            else
                {{ count_words('count(worked.account_id)', 'intervention', 'interventions') }}
                || ' brought an account back.'
        end as text,
        count(worked.account_id) as figure,
        'interventions' as unit
    from worked
    union all
    select
        worked.place,
        worked.account_id,
        worked.account_name || ': ' || {{ name_words('worked.strategy') }}
        || ', opened on ' || {{ date_words('worked.opened_on') }}
        || ', brought the score from ' || coalesce({{ number_words('worked.opening_score') }}, 'what is not known')
        || ' to ' || {{ number_words('worked.recovered_score') }} || ' in '
        || {{ days_words('worked.recovery_days') }}
        || '.' as text,
        worked.score_gain as figure,
        'points' as unit
    from worked
    cross join settings
    where worked.place <= settings.reviews_listed
),

-- Support needed from others: what executives decide this week, and work of roles that aren't the account's own.

needed as (
    select
        1 as kind_place,
        decisions.{{ adapter.quote('rank') }} as kind_rank,
        decisions.account_id,
        decisions.decision as item,
        decisions.decision_maker || ': ' || decisions.title || ' – ' || decisions.account_name || ', until '
        || {{ date_words('decisions.due_on') }} || '. ' || {{ capital_words('decisions.why') }} || '.' as text
    from decisions
    where decisions.urgency = 'this_week'
    union all
    select
        2 as kind_place,
        row_number() over (order by actions.priority, actions.due_on, actions.action_id) as kind_rank,
        actions.account_id,
        actions.action_id as item,
        {{ name_words('actions.owner_role') }} || coalesce(' ' || actions.owner, '') || ': '
        || actions.title || ' – '
        || actions.account_name || ', until ' || {{ date_words('actions.due_on') }} || ' ('
        || actions.priority || '). '
        || actions.rationale as text
    from actions
    where
        actions.owner_role not in ('csm', 'owner', 'ae')
        and actions.kind not in ('record', 'notification')
        and actions.status in ('queued', 'pending_approval', 'approved', 'recommended')
),

asked as (
    select
        *,
        row_number() over (order by kind_place, kind_rank) as place
    from needed
),

support_needed as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        case
            when count(asked.account_id) = 0 then 'Nothing is needed from others.'
            else
                'Waiting for others: '
                || {{ count_words(
                    'count(case when asked.kind_place = 1 then 1 end)', 'decision of executives', 'decisions of executives'
                ) }}
                || ' and '
                || {{ count_words('count(case when asked.kind_place = 2 then 1 end)', 'task', 'tasks') }} || '.'
        end as text,
        count(asked.account_id) as figure,
        'requests' as unit
    from asked
    union all
    select
        asked.place,
        asked.account_id,
        asked.text,
        cast(null as bigint) as figure,
        cast(null as {{ type_text() }}) as unit
    from asked
    cross join settings
    where asked.place <= settings.reviews_listed
),

-- Expansion status

expansion_totals as (
    select
        count(*) as expansions,
        count(case when qualified then 1 end) as qualified,
        coalesce(sum(expected_arr), 0) as expected_arr
    from expansions
),

expansion_status as (
    select
        0 as place,
        cast(null as {{ type_text() }}) as account_id,
        {{ count_words('expansion_totals.expansions', 'expansion', 'expansions') }} || ' in the pipeline, '
        || {{ money_words('expansion_totals.qualified') }} || ' of them qualified, with '
        || {{ money_words('expansion_totals.expected_arr') }} || ' ' || run.currency || ' expected a year.' as text,
        cast(expansion_totals.expected_arr as decimal(18, 2)) as figure,
        run.currency as unit
    from expansion_totals
    cross join run
    union all
    select
        expansions.{{ adapter.quote('rank') }} as place,
        expansions.account_id,
        expansions.account_name || ': ' || expansions.description
        || coalesce(' (' || expansions.priority || ')', '')
        || coalesce(', ' || {{ money_words('expansions.expected_arr') }} || ' ' || run.currency || ' expected', '')
        || case when expansions.qualified then ', qualified. ' else ', not qualified yet. ' end
        || expansions.justification as text,
        expansions.expected_arr as figure,
        run.currency as unit
    from expansions
    cross join run
    cross join settings
    where expansions.{{ adapter.quote('rank') }} <= settings.reviews_listed
),

-- Churn forecast of the next quarter

next_quarter as (
    select
        max({{ fiscal_quarter_name('(run.quarter_number + 1)', 'run.fiscal_year_start_month') }}) as fiscal_quarter,
        coalesce(sum(forecast.accounts), 0) as accounts,
        coalesce(sum(forecast.arr_up_for_renewal), 0) as arr_up_for_renewal,
        coalesce(sum(forecast.expected_churned_arr), 0) as expected_churned_arr,
        coalesce(sum(forecast.expected_retained_arr), 0) as expected_retained_arr,
        coalesce(sum(forecast.at_risk_arr_red), 0) as at_risk_arr_red,
        coalesce(sum(forecast.at_risk_arr_yellow), 0) as at_risk_arr_yellow,
        max(run.currency) as currency
    from run
    left join forecast
        on forecast.quarter_starts_on = {{ fiscal_quarter_starts_on(
            '(run.quarter_number + 1)', 'run.fiscal_year_start_month'
        ) }}
    having count(run.currency) > 0
),

churn_forecast as (
    {%- for figure, words in [
        ('arr_up_for_renewal', 'up for renewal'), ('expected_churned_arr', 'expected to be lost'),
        ('expected_retained_arr', 'expected to be kept'), ('at_risk_arr_red', 'with RED accounts'),
        ('at_risk_arr_yellow', 'with YELLOW accounts')
    ] %}
        select
            {{ loop.index0 }} as place,
            cast(null as {{ type_text() }}) as account_id,
            fiscal_quarter || ': ' || {{ money_words(figure) }} || ' ' || currency || ' {{ words }}'
            {%- if loop.first %}
                || ', of ' || {{ count_words('accounts', 'account', 'accounts') }}
            {%- endif %} || '.' as text,
            cast({{ figure }} as decimal(18, 2)) as figure,
            currency as unit
        from next_quarter
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

sections as (
    {%- for section in [
        'newly_at_risk', 'week_over_week', 'interventions_worked', 'support_needed', 'expansion_status', 'churn_forecast'
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
