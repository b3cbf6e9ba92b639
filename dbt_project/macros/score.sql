{# The names of the score's dimensions and measures are structure; every number of theirs is policy. #}

{% macro score_dimension_names() -%}
    {{ return(['support_quality', 'engagement', 'product_usage', 'relationship', 'sentiment']) }}
{%- endmacro %}

{% macro score_measure_names() -%}
    {{ return([
        'ticket_volume', 'escalation_rate', 'resolution_hours', 'sla_adherence', 'csat',
        'qbr_attendance', 'email_response_hours', 'portal_logins', 'meeting_acceptance',
        'capacity_utilisation', 'uptime_vs_sla', 'service_adoption', 'usage_trend',
        'tenure_years', 'expansions', 'reference', 'nps',
        'tone', 'escalations', 'competitive', 'budget_pressure'
    ]) }}
{%- endmacro %}

{# A count over a window of days as a figure a month. #}
{% macro per_month(quantity, days, days_per_month) -%}
    {{ divide_exact('(' ~ quantity ~ ') * ' ~ days_per_month, days) }}
{%- endmacro %}

{# The mean of durations given as a sum of microseconds and their number, in hours. #}
{% macro mean_hours(microseconds, count) -%}
    {{ divide_exact(microseconds, 'cast(' ~ count ~ ' as bigint) * 3600000000', input_places=0) }}
{%- endmacro %}

{# One row: whether each stream may be used, as columns <stream>_known. To stand as a CTE. #}
{% macro streams_known(streams) -%}
    select
        {%- for stream in streams %}
        max(case when stream = '{{ stream }}' and is_known then 1 else 0 end) = 1 as {{ stream }}_known{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('int_streams__known') }}
{%- endmacro %}

{# Sixteen decimals carry a sum of quotients; at twelve a value that is exactly half a tenth is that again. #}
{% macro to_tenths(number) -%}
    cast(cast({{ number }} as decimal(28, 12)) as decimal(5, 1))
{%- endmacro %}

{% macro baseline_field_names() -%}
    {{ return(['days_to_renewal', 'usage_trend', 'service_adoption', 'tickets_open', 'csat', 'blocker']) }}
{%- endmacro %}

{# A value as bands know it: they reach to fifteen digits either way, and what lies beyond counts as their end. #}
{% macro within_bands(value) -%}
    cast(
        case when {{ value }} is not null then least(greatest({{ value }}, -999999999999999), 999999999999999) end
        as decimal(24, 6)
    )
{%- endmacro %}
