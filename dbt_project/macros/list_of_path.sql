{# What a file data/lists/<generation>/<surface>/<variant>.parquet says by its place. #}
{% macro surface_of_path(path) -%}
    regexp_extract({{ path }}, '/([^/]+)/[^/]+\.parquet$', 1)
{%- endmacro %}


{% macro variant_of_path(path) -%}
    regexp_extract({{ path }}, '/([^/]+)\.parquet$', 1)
{%- endmacro %}
