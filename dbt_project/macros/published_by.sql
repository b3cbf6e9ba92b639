{# The four columns every published table begins with, so that a column added later goes last (spec 80). #}
{% macro published_by() -%}
    run.as_of_date,
    run.policy_version,
    run.run_id,
    run.published_at
{%- endmacro %}
