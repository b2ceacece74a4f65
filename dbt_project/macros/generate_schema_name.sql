{# Schemas are `staging`, `intermediate`, `marts`: a warehouse is one data folder, so no prefix tells targets apart. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
