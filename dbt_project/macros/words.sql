{# Sentences a person would say, built the same way on every engine. #}

{# "11 June": a date as read aloud, without its year. #}
{% macro day_words(date) -%}
    cast(extract(day from {{ date }}) as {{ type_text() }}) || ' '
    || case extract(month from {{ date }})
        when 1 then 'January'
        when 2 then 'February'
        when 3 then 'March'
        when 4 then 'April'
        when 5 then 'May'
        when 6 then 'June'
        when 7 then 'July'
        when 8 then 'August'
        when 9 then 'September'
        when 10 then 'October'
        when 11 then 'November'
        else 'December'
    end
{%- endmacro %}

{# "12 May 2026" #}
{% macro date_words(date) -%}
    {{ day_words(date) }} || ' ' || cast(extract(year from {{ date }}) as {{ type_text() }})
{%- endmacro %}

{# "1 day", "21 days" #}
{% macro days_words(days) -%}
    cast({{ days }} as {{ type_text() }}) || case when {{ days }} = 1 then ' day' else ' days' end
{%- endmacro %}

{# A date beside another: the year is only said where it is a different one. #}
{% macro date_words_beside(date, other) -%}
    {{ day_words(date) }}
    || case
        when extract(year from {{ date }}) = extract(year from {{ other }}) then ''
        else ' ' || cast(extract(year from {{ date }}) as {{ type_text() }})
    end
{%- endmacro %}

{# Why a target has its status: "Due 12 May 2026, 21 days ago; window closes 11 June". #}
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
