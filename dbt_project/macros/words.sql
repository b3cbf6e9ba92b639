{# Sentences a person would say, built the same way on every engine. #}

{% macro days_words(days) -%}
    cast({{ days }} as {{ type_text() }}) || case when {{ days }} = 1 then ' day' else ' days' end
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
