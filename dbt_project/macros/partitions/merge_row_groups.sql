{#
    On-run-start: each day leaves row groups that are not full, and rows that were deleted from full ones. When DuckDB
    writes its log into the file it puts them together, and rewrites several days of a table for one. Runs that look at
    all dates do that, once a week; six days leave a dozen row groups in each table.
#}
{% macro merge_row_groups() -%}
    {%- if execute -%}
        {#- 100 is DuckDB's own. -#}
        set global max_vacuum_tasks = {{ 100 if env_var("RECO_DBT_TEST_ALL_DATES", "false") == "true" else 0 }};
    {%- endif -%}
{%- endmacro %}
