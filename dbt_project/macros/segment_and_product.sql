{# One text for a pair that may be blank on either side, to join on without engine-specific null-safe equality. #}
{% macro segment_and_product(segment, product) -%}
    coalesce({{ segment }}, '') || '|' || coalesce({{ product }}, '')
{%- endmacro %}
