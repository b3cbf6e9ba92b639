{# Lower-case text with every run of spaces and hyphens (the typographic ones too) read as one space. #}
{% macro spaces_collapsed(text) -%}
    {{ lower_text(replace_pattern(text, "'[ \t\r\n\u00a0\u2010\u2011-]+'", "' '")) }}
{%- endmacro %}
