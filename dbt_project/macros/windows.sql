{# First day of the window of n days that ends on a date (spec 00: a window of n days is as_of - (n - 1) … as_of). #}
{% macro window_starts_on(last_day, days) -%}
    {{ add_days(last_day, '1 - ' ~ days) }}
{%- endmacro %}

{# First day of the n days before that window. #}
{% macro window_before_starts_on(last_day, days) -%}
    {{ add_days(last_day, '1 - 2 * ' ~ days) }}
{%- endmacro %}
