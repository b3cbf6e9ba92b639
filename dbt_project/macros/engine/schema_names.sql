{# A schema named in the project is used as it stands, so that published models are in `published` on both engines. #}

{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ return((custom_schema_name or target.schema) | trim) }}
{%- endmacro %}
