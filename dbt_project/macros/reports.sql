{# Reports: words that several of their sections share. #}

{# A change as people say it: up 3.2, down 1, unchanged. #}
{% macro change_words(number) -%}
    case
        when {{ number }} > 0 then 'up ' || {{ number_words(number) }}
        when {{ number }} < 0 then 'down ' || {{ number_words('-(' ~ number ~ ')') }}
        when {{ number }} = 0 then 'unchanged'
    end
{%- endmacro %}

{# Who looks after an account: its CSM, else its owner. #}
{% macro keeper_words(t) -%}
    case
        when {{ t }}.csm_name is not null then 'CSM ' || {{ t }}.csm_name
        when {{ t }}.owner_name is not null then 'no CSM, owner ' || {{ t }}.owner_name
        else 'no CSM and no owner'
    end
{%- endmacro %}

{# How far away a renewal is, in words; nothing where no contract is current. #}
{% macro renewal_words(t) -%}
    coalesce(', renews ' || {{ in_days_words(t ~ '.days_to_renewal') }}, ', no contract is current')
{%- endmacro %}

{# The risk factors that are present, each with its evidence, one after the other. #}
{% macro factors_to_talk_about(t) -%}
    {%- for factor in churn_factor_names() -%}
        case
            when {{ t }}.{{ factor }} then '{{ factor | replace("_", " ") }} (' || {{ t }}.{{ factor }}_evidence || '); '
            else ''
        end {{ "|| " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
