{# Sentences a person would say, built the same way on every engine. #}

{% macro days_words(days) -%}
    cast({{ days }} as {{ type_text() }}) || case when {{ days }} = 1 then ' day' else ' days' end
{%- endmacro %}

{# How far ahead a day is: today, in 1 day, in 45 days. #}
{% macro in_days_words(days) -%}
    case when {{ days }} = 0 then 'today' else 'in ' || {{ days_words(days) }} end
{%- endmacro %}

{% macro date_words_beside(date, other) -%}
    {{ day_words(date) }}
    || case
        when extract(year from {{ date }}) = extract(year from {{ other }}) then ''
        else ' ' || cast(extract(year from {{ date }}) as {{ type_text() }})
    end
{%- endmacro %}

{% macro flag_reason(t) -%}
    'Due ' || {{ date_words(t ~ '.due_date') }}
    || case
        when {{ t }}.days_to_due = 0 then ', today'
        when {{ t }}.days_to_due > 0 then ', in ' || {{ days_words(t ~ '.days_to_due') }}
        else ', ' || {{ days_words('-' ~ t ~ '.days_to_due') }} || ' ago'
    end
    || case
        when {{ t }}.status in ('completed', 'completed_late')
            then
                '; delivered ' || {{ date_words_beside(t ~ '.completed_on', t ~ '.due_date') }}
                || ' by ' || {{ t }}.completed_by
                || case when {{ t }}.status = 'completed_late' then ', after the window closed' else '' end
        when {{ t }}.status = 'missed'
            then '; never delivered, expired ' || {{ date_words_beside(t ~ '.expires_on', t ~ '.due_date') }}
        when {{ t }}.status = 'not_applicable' and {{ t }}.is_churned then '; the account has churned'
        when {{ t }}.status = 'not_applicable'
            then '; the contract starts ' || {{ date_words_beside(t ~ '.start_date', t ~ '.due_date') }}
        when run.as_of_date < {{ t }}.window_opens_on
            then '; window opens ' || {{ date_words_beside(t ~ '.window_opens_on', t ~ '.due_date') }}
        when run.as_of_date > {{ t }}.window_closes_on
            then
                '; window closed ' || {{ date_words_beside(t ~ '.window_closes_on', t ~ '.due_date') }}
                || ', counts as late until ' || {{ date_words_beside(t ~ '.expires_on', t ~ '.due_date') }}
        else '; window closes ' || {{ date_words_beside(t ~ '.window_closes_on', t ~ '.due_date') }}
    end
{%- endmacro %}

{# A number as a person writes it: as few decimals as it needs, at most two. #}
{% macro number_words(number) -%}
    case
        when {{ round_exact(number, 2) }} = {{ round_exact(number, 0) }} then {{ format_decimal(number, 0) }}
        when {{ round_exact(number, 2) }} = {{ round_exact(number, 1) }} then {{ format_decimal(number, 1) }}
        else {{ format_decimal(number, 2) }}
    end
{%- endmacro %}

{# Money without cents: 125,000. #}
{% macro money_words(amount) -%}
    {{ format_whole(round_exact(amount, 0)) }}
{%- endmacro %}

{# Money to the cent where it has cents, as an invoice is known by: 11,700 and 12.50. #}
{% macro exact_money_words(amount) -%}
    case
        when {{ round_exact(amount, 2) }} = {{ round_exact(amount, 0) }} then {{ money_words(amount) }}
        else
            case when {{ amount }} < 0 then '-' else '' end || {{ format_whole('floor(abs(' ~ amount ~ '))') }}
            || substr({{ format_decimal(amount, 2) }}, length({{ format_decimal(amount, 2) }}) - 2)
    end
{%- endmacro %}

{# A sentence, or what begins one, with a capital letter. #}
{% macro capital_words(text) -%}
    upper(substr({{ text }}, 1, 1)) || substr({{ text }}, 2)
{%- endmacro %}

{# support_quality as people read it: support quality. #}
{% macro name_words(name) -%}
    replace({{ name }}, '_', ' ')
{%- endmacro %}

{# The account in a few sentences, as a colleague would say it. #}
{% macro health_summary(t) -%}
    case
        when {{ t }}.score is null then 'Its health can not be told.'
        else
            'Scores ' || {{ number_words(t ~ '.score') }} || ' (' || {{ t }}.status || ', ' || {{ name_words(t ~ '.tier') }} || ')'
            || case
                when {{ t }}.change_month is null then ''
                when {{ t }}.change_month > 0 then ', up ' || {{ number_words(t ~ '.change_month') }} || ' in a month'
                when {{ t }}.change_month < 0 then ', down ' || {{ number_words('-' ~ t ~ '.change_month') }} || ' in a month'
                else ', as a month ago'
            end || '.'
    end
    || case
        when {{ t }}.root_cause is null then ''
        else ' Mainly ' || {{ name_words(t ~ '.root_cause') }} || ': ' || {{ t }}.root_evidence || '.'
    end
    || case
        when {{ t }}.days_to_renewal is null then ' No contract is current.'
        when {{ t }}.root_cause = 'renewal_risk' then ''
        else ' Renews ' || {{ in_days_words(t ~ '.days_to_renewal') }} || '.'
    end
    || case
        when {{ t }}.missing_dimensions is null then ''
        else ' Not known: ' || {{ t }}.missing_dimensions || '.'
    end
    || case
        when {{ t }}.csm_status is null then ''
        else
            ' ' || {{ t }}.csm_called_by || ' calls it ' || {{ t }}.csm_status || ' until '
            || {{ date_words(t ~ '.csm_expires_on') }} || ': ' || {{ t }}.csm_reason || '.'
    end
{%- endmacro %}
