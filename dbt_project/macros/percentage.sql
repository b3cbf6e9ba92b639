{# part of whole in percent, 0-100, exact to 6 decimals (spec 05); null where whole is 0. Both are whole numbers. #}
{% macro percentage(part, whole) -%}
    cast({{ divide_exact('100 * (' ~ part ~ ')', whole, places=6, input_places=0) }} as decimal(9, 6))
{%- endmacro %}
