{# Churn, retention and expansion: quantities and words that several of their models share. #}

{# The colour that a score earns by its segment's cut-offs; null without a score. #}
{% macro status_of(score, cutoffs) -%}
    case
        when {{ score }} is null then null
        when {{ score }} >= {{ cutoffs }}.green_at_least then 'GREEN'
        when {{ score }} >= {{ cutoffs }}.yellow_at_least then 'YELLOW'
        else 'RED'
    end
{%- endmacro %}

{# The tier that a score earns by its segment's cut-offs; null without a score. #}
{% macro tier_of(score, cutoffs) -%}
    case
        when {{ score }} is null then null
        when {{ score }} >= {{ cutoffs }}.healthy_at_least then 'healthy'
        when {{ score }} >= {{ cutoffs }}.stable_at_least then 'stable'
        when {{ score }} >= {{ cutoffs }}.at_risk_at_least then 'at_risk'
        else 'critical'
    end
{%- endmacro %}

{#
  So many percent of an amount of money, to the cent: rounded once, half away from zero. DuckDB keeps the product of two
  decimals of up to 18 digits within 18 digits, so the amount is widened first.
#}
{% macro percent_of(amount, percent) -%}
    cast({{ divide_exact(
        'cast(' ~ amount ~ ' as decimal(19, 2)) * cast(' ~ percent ~ ' as decimal(5, 2))',
        100, places=2, input_places=4
    ) }} as decimal(18, 2))
{%- endmacro %}

{# What a contract brings a year, with enough decimals that a share of such sums keeps its own. #}
{% macro annualised(amount, term_days, settings) -%}
    case
        when {{ term_days }} <= {{ settings }}.annual_days then cast({{ amount }} as decimal(28, 9))
        else {{ divide_exact(
            'cast(' ~ amount ~ ' as decimal(19, 2)) * ' ~ settings ~ '.year_days', term_days, places=9, input_places=2
        ) }}
    end
{%- endmacro %}

{# A list's members as a person counts them: 1 signal, 3 signals. #}
{% macro count_words(count, one, many) -%}
    cast({{ count }} as {{ type_text() }}) || case when {{ count }} = 1 then ' {{ one }}' else ' {{ many }}' end
{%- endmacro %}

{# A type of signal within a sentence: RFP, pricing inquiry. #}
{% macro signal_words(signal_type) -%}
    case when {{ signal_type }} = 'rfp' then 'RFP' else {{ name_words(signal_type) }} end
{%- endmacro %}

{# The factors of churn, in the order they are told. #}
{% macro churn_factor_names() -%}
    {{ return([
        'leadership_change', 'budget_pressure', 'competitive_inquiry', 'recent_outage', 'engagement_decline'
    ]) }}
{%- endmacro %}

{# Each factor with a stream it looks at: without one of them, its absence can't be known. #}
{% macro churn_factor_streams() -%}
    {{ return([
        ('leadership_change', 'signals'), ('leadership_change', 'contacts'),
        ('budget_pressure', 'signals'),
        ('competitive_inquiry', 'signals'), ('competitive_inquiry', 'opportunities'),
        ('recent_outage', 'signals'), ('recent_outage', 'tickets'), ('recent_outage', 'usage'),
        ('engagement_decline', 'activities'), ('engagement_decline', 'usage')
    ]) }}
{%- endmacro %}

{# The criteria that qualify an expansion, in the order they are told. #}
{% macro expansion_criteria_names() -%}
    {{ return([
        'plan_limit', 'approaching_limit', 'seat_growth', 'feature_requests', 'high_health', 'no_billing_issue',
        'responsive'
    ]) }}
{%- endmacro %}

{# A decimal with as many places as it needs: 99.95, 99.9, 100. For figures whose third decimal matters. #}
{% macro trimmed_decimal(number, places) -%}
    {{ replace_pattern(format_decimal(number, places), "'[.]?0+$'", "''") }}
{%- endmacro %}

{# A month as read aloud: June 2026. #}
{% macro month_words(date) -%}
    {{ return(adapter.dispatch('month_words')(date)) }}
{%- endmacro %}

{% macro default__month_words(date) -%}
    strftime({{ date }}, '%B %Y')
{%- endmacro %}

{% macro spark__month_words(date) -%}
    date_format({{ date }}, 'MMMM yyyy')
{%- endmacro %}

{# A churn probability with its parts: 95 %: RED 70, renewal in 45 days 20, budget pressure 10; 100 in all, capped. #}
{% macro probability_words(t) -%}
    {{ number_words(t ~ '.churn_probability') }} || ' %: ' || {{ t }}.status || ' ' || {{ number_words(t ~ '.base') }}
    || case
        when {{ t }}.renewal_addition = 0 then ''
        else
            ', renewal in ' || {{ days_words(t ~ '.days_to_renewal') }}
            || ' ' || {{ number_words(t ~ '.renewal_addition') }}
    end
    {%- for factor in churn_factor_names() %}
    || case
        when {{ t }}.{{ factor }}
            then ', {{ factor | replace("_", " ") }} ' || {{ number_words(t ~ '.' ~ factor ~ '_addition') }}
        else ''
    end
    {%- endfor %}
    || case
        when {{ t }}.uncapped > {{ t }}.churn_probability
            then '; ' || {{ number_words(t ~ '.uncapped') }} || ' in all, capped'
        else ''
    end
{%- endmacro %}

{# The texts of rows, joined to one column a risk factor; null where it has none. #}
{% macro joined_by_factor(factor, text, separator, order_by) -%}
    {%- for name in churn_factor_names() %}
    {{ join_text('case when ' ~ factor ~ " = '" ~ name ~ "' then " ~ text ~ ' end', separator, order_by) }}
        as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# What is to save a renewal is of no use after it; nothing where it comes in time or no renewal is known. #}
{% macro after_renewal_words(due_on, renewal_date) -%}
    case
        when {{ due_on }} > {{ renewal_date }}
            then
                ' Its day, ' || {{ date_words(due_on) }} || ', comes after the renewal on '
                || {{ date_words(renewal_date) }} || ': do it before.'
        else ''
    end
{%- endmacro %}
