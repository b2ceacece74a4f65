{# The generation that a file below data/lists/<generation>/ belongs to. #}
{% macro generation_of_path(path) -%}
    regexp_extract({{ path }}, '/lists/([^/]+)/', 1)
{%- endmacro %}
