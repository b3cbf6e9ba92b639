with
figures as (
    select * from {{ ref('fct_portfolio_figures') }}
),

earlier as (
    select * from {{ ref('stg_history__portfolio_summary') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

decisions as (
    select * from {{ ref('fct_executive_decisions') }}
),

expansions as (
    select * from {{ ref('fct_expansion_pipeline') }}
),

retention as (
    select medium_above from {{ ref('stg_policy__retention_settings') }}
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
),

-- The last as_of that was kept in the quarter before this one.
quarter_before as (
    select max(earlier.as_of_date) as as_of_date
    from earlier
    cross join run
    where {{ fiscal_quarter_number('earlier.as_of_date', 'run.fiscal_year_start_month') }} = run.quarter_number - 1
),

before as (
    select earlier.*
    from earlier
    inner join quarter_before on earlier.as_of_date = quarter_before.as_of_date
),

compared as (
    select
        figures.*,
        before.figure as previous_figure,
        before.as_of_date as previous_on,
        cast(figures.figure - before.figure as decimal(18, 2)) as change,
        case
            when before.figure is null then null
            when
                figures.figure = before.figure
                or 100 * abs(cast(figures.figure - before.figure as decimal(20, 2)))
                < settings.flat_below_pct * cast(abs(before.figure) as decimal(18, 2))
                then '→'
            when figures.figure > before.figure then '↑'
            else '↓'
        end as arrow
    from figures
    cross join settings
    left join before
        on figures.section = before.section and figures.item = before.item and figures.unit = before.unit
),

-- Counts and money without decimals, the mean score with its one.
worded as (
    select
        compared.*,
        case when unit = 'points' then {{ number_words('figure') }} else {{ money_words('figure') }} end
            as figure_words,
        case
            when unit = 'points' then {{ number_words('previous_figure') }} else {{ money_words('previous_figure') }}
        end as previous_words
    from compared
),

told as (
    select
        section,
        item,
        unit,
        place,
        cast(null as {{ type_text() }}) as account_id,
        figure,
        previous_figure,
        previous_on,
        change,
        arrow,
        label || ': ' || figure_words
        || case when unit in ('accounts', 'decisions', 'expansions', 'points') then '' else ' ' || unit end
        || case
            when previous_figure is null then ''
            when figure_words = previous_words then ', as on ' || {{ date_words('previous_on') }}
            when change > 0 then ', up from ' || previous_words || ' on ' || {{ date_words('previous_on') }}
            else ', down from ' || previous_words || ' on ' || {{ date_words('previous_on') }}
        end as text
    from worded
),

totals as (
    select
        max(case when section = 'trend' and item = 'accounts' then figure end) as accounts,
        max(case when section = 'trend' and item = 'arr' then figure end) as arr,
        max(case when section = 'trend' and item = 'mean_score' then figure end) as mean_score,
        max(case when section = 'trend' and item = 'mean_score' then previous_figure end) as previous_score,
        max(case when section = 'trend' and item = 'expected_loss' then figure end) as expected_loss,
        max(case when section = 'trend' and item = 'at_risk_arr' then figure end) as at_risk_arr,
        max(case when section = 'trend' and item = 'expansion_arr' then figure end) as expansion_arr,
        max(case when section = 'trend' then previous_on end) as previous_on,
        max(case when section = 'status' and item = 'RED' and unit = 'accounts' then figure end) as red,
        max(case when section = 'status' and item = 'YELLOW' and unit = 'accounts' then figure end) as yellow,
        max(case when section = 'status' and item = 'GREEN' and unit = 'accounts' then figure end) as green,
        max(case when section = 'status' and item = 'none' and unit = 'accounts' then figure end) as unscored,
        sum(case when section = 'decisions' then figure end) as decisions,
        max(case when section = 'decisions' and item = 'this_week' then figure end) as decisions_this_week,
        sum(case when section = 'expansion' and unit = 'expansions' then figure end) as expansions,
        max(case when section = 'expansion' and place = 1 and unit = 'expansions' then figure end) as first_expansions,
        max(case when section = 'expansion' and place = 1 and unit = 'expansions' then item end) as first_priority
    from compared
),

risen as (
    select count(case when newly_at_risk then 1 end) as newly_at_risk
    from health
),

sentences as (
    select
        'portfolio' as item,
        1 as place,
        {{ money_words('totals.accounts') }}
        || case when totals.accounts = 1 then ' account is' else ' accounts are' end
        || ' scored, with ARR of ' || {{ money_words('totals.arr') }} || ' ' || run.currency || ': '
        || {{ money_words('totals.red') }} || ' RED, ' || {{ money_words('totals.yellow') }} || ' YELLOW and '
        || {{ money_words('totals.green') }} || ' GREEN'
        || case
            when totals.unscored > 0 then ', ' || {{ money_words('totals.unscored') }} || ' without a score'
            else ''
        end
        || '.' as text
    from totals
    cross join run
    union all
    select
        'movement' as item,
        2 as place,
        case
            when totals.mean_score is null then 'No account has a score.'
            when totals.previous_score is null
                then
                    'The mean score is ' || {{ number_words('totals.mean_score') }}
                    || '; none is kept of the quarter before.'
            else
                'The mean score is ' || {{ number_words('totals.mean_score') }}
                || case
                    when totals.mean_score > totals.previous_score
                        then ', up from ' || {{ number_words('totals.previous_score') }}
                    when totals.mean_score < totals.previous_score
                        then ', down from ' || {{ number_words('totals.previous_score') }}
                    else ', the same as'
                end || ' on ' || {{ date_words('totals.previous_on') }} || '.'
        end as text
    from totals
    union all
    select
        'risk' as item,
        3 as place,
        'ARR of ' || {{ money_words('totals.at_risk_arr') }} || ' ' || run.currency || ' is at risk or critical and '
        || {{ money_words('totals.expected_loss') }} || ' is expected to be lost; '
        || {{ count_words('risen.newly_at_risk', 'account', 'accounts') }} || ' became so within a week.' as text
    from totals
    cross join risen
    cross join run
    union all
    select
        'decisions' as item,
        4 as place,
        case
            when totals.decisions = 1 then '1 decision waits'
            else {{ money_words('totals.decisions') }} || ' decisions wait'
        end || ' for executives, ' || {{ money_words('totals.decisions_this_week') }} || ' due this week.' as text
    from totals
    where totals.decisions > 0
    union all
    select
        'growth' as item,
        5 as place,
        case
            when totals.expansions = 1 then '1 expansion is'
            else {{ money_words('totals.expansions') }} || ' expansions are'
        end || ' expected to bring ' || {{ money_words('totals.expansion_arr') }} || ' ' || run.currency || ' a year; '
        || {{ money_words('totals.first_expansions') }} || ' of them '
        || case when totals.first_expansions = 1 then 'has' else 'have' end || ' priority '
        || totals.first_priority || '.' as text
    from totals
    cross join run
    where totals.expansions > 0
),

listed_decisions as (
    select
        {{ text_key(['decisions.account_id', 'decisions.decision']) }} as item,
        run.currency as unit,
        decisions.{{ adapter.quote('rank') }} as place,
        decisions.account_id,
        decisions.arr as figure,
        decisions.account_name || ': ' || decisions.title || ', by ' || decisions.decision_maker || ' until '
        || {{ date_words('decisions.due_on') }} || '. ' || {{ capital_words('decisions.why') }} || '.' as text
    from decisions
    cross join run
    cross join settings
    where decisions.{{ adapter.quote('rank') }} <= settings.dashboard_listed
),

-- Whom to keep first: accounts with a retention plan.
prioritised as (
    select
        churn.*,
        row_number() over (order by churn.intervention_priority desc, churn.account_id) as place
    from churn
    cross join retention
    where churn.acts_on_probability > retention.medium_above
),

listed_priorities as (
    select
        prioritised.account_id as item,
        run.currency as unit,
        prioritised.place,
        prioritised.account_id,
        prioritised.intervention_priority as figure,
        prioritised.account_name || ': ' || prioritised.probability_reason || '; expected loss of '
        || {{ money_words('prioritised.expected_loss') }} || ' of ' || {{ money_words('prioritised.arr') }} || ' '
        || run.currency || '. ' || coalesce('CSM ' || prioritised.csm_name, 'No CSM') || '.' as text
    from prioritised
    cross join run
    cross join settings
    where prioritised.place <= settings.dashboard_listed
),

listed_expansions as (
    select
        {{ text_key(['expansions.account_id', 'expansions.type']) }} as item,
        run.currency as unit,
        expansions.{{ adapter.quote('rank') }} as place,
        expansions.account_id,
        expansions.expected_arr as figure,
        expansions.account_name || ': ' || expansions.description
        || coalesce(' (' || expansions.priority || ')', '')
        || coalesce(', ' || {{ money_words('expansions.expected_arr') }} || ' ' || run.currency || ' expected', '')
        || '. ' || expansions.justification
        || case when expansions.qualified then ' Qualified.' else ' Not qualified yet.' end as text
    from expansions
    cross join run
    cross join settings
    where expansions.{{ adapter.quote('rank') }} <= settings.dashboard_listed
),

lists as (
    select
        'decision' as section,
        listed_decisions.*
    from listed_decisions
    union all
    select
        'retention' as section,
        listed_priorities.*
    from listed_priorities
    union all
    select
        'expansion_case' as section,
        listed_expansions.*
    from listed_expansions
    union all
    select
        'summary' as section,
        item,
        'sentence' as unit,
        place,
        cast(null as {{ type_text() }}) as account_id,
        cast(null as decimal(18, 2)) as figure,
        text
    from sentences
),

rows_of_all as (
    select * from told
    union all
    select
        section,
        item,
        unit,
        place,
        account_id,
        figure,
        cast(null as decimal(18, 2)) as previous_figure,
        cast(null as date) as previous_on,
        cast(null as decimal(18, 2)) as change,
        cast(null as {{ type_text() }}) as arrow,
        text
    from lists
)

select
    section,
    item,
    unit,
    cast(place as int) as {{ adapter.quote('rank') }},
    account_id,
    cast(figure as decimal(18, 2)) as figure,
    previous_figure,
    previous_on,
    change,
    arrow,
    text
from rows_of_all
