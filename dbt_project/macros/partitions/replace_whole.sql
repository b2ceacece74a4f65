{#
    Incremental strategy `replace_whole`, of a model that looks at all files of its
    inputs at once: make it anew when a date of them changed, else leave it as it is.
    A day without a new snapshot of users or items then does not read those of all days.
#}
{% macro get_incremental_replace_whole_sql(arg_dict) -%}
    {%- if partition_state().changed_dates -%}
        create or replace table {{ arg_dict["target_relation"] }} as (
            {{ arg_dict["new_rows"] }}
        );
        {{ comments_on(arg_dict["target_relation"]) }}
    {%- endif -%}
{%- endmacro %}
