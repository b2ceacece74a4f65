{#
    Incremental strategy `replace_dates`: delete the touched dates, insert their
    new rows. A touched date without a new row ends empty, which dbt's own
    delete+insert would not see. On Spark the same is `insert overwrite` of the
    partitions, and `alter table ... drop partition` of those that are empty.
#}
{% macro get_incremental_replace_dates_sql(arg_dict) -%}
    {%- set dates = date_literals(replaced_dates()) %}
    delete from {{ arg_dict["target_relation"] }} where event_date in ({{ dates }});
    insert into {{ arg_dict["target_relation"] }} by name
    select * from ({{ arg_dict["new_rows"] }}) as new_rows where event_date in ({{ dates }});
{%- endmacro %}


{# What `touched_dates()` gave when the model was compiled. #}
{% macro replaced_dates() -%}
    {%- set dates = partition_memo("replaced").get(model.unique_id) -%}
    {%- if dates is none -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " replaces dates and must choose them: where event_date in ({{ touched_dates() }})"
        ) -%}
    {%- endif -%}
    {%- do return(dates) -%}
{%- endmacro %}


{#
    In the transaction that changes a model's rows: the dates that were replaced get
    a new version, and the versions of its inputs are noted as read. A run that is
    killed before the commit has done neither.
#}
{% macro record_partitions() -%}
    {%- if execute -%}
        {%- set versions = source("warehouse", "partition_versions") -%}
        {%- set dates = partition_memo("replaced").get(model.unique_id) -%}
        insert into {{ versions }} (node, event_date, version)
        select
            '{{ model.name }}',
            replaced.event_date,
            1 + coalesce((select max(version) from {{ versions }} where node = '{{ model.name }}'), 0)
        from (
            {%- if dates is none %}
            select event_date from {{ this }}
            union
            select event_date from {{ versions }} where node = '{{ model.name }}'
            {%- else %}
            select unnest([{{ date_literals(dates) }}]) as event_date
            {%- endif %}
        ) as replaced
        where replaced.event_date is not null;
        {{ forget_old_versions(model.name) }}
        {{ record_inputs() }}
    {%- endif -%}
{%- endmacro %}


{# What a model was made of: the versions of its inputs, and its definition. #}
{% macro record_inputs() -%}
    {%- if execute -%}
        {%- set versions = source("warehouse", "partition_versions") -%}
        {%- set reads = source("warehouse", "partition_reads") -%}
        {%- set definitions = source("warehouse", "definitions") -%}
        delete from {{ reads }} where node = '{{ model.name }}';
        insert into {{ reads }} (node, upstream, event_date, version)
        select '{{ model.name }}', node, event_date, version
        from {{ versions }}
        where node in ({{ quoted_names(partitioned_inputs(model)) }});
        delete from {{ definitions }} where node = '{{ model.name }}';
        insert into {{ definitions }} (node, definition_hash) values ('{{ model.name }}', '{{ definition_hash() }}');
    {%- endif -%}
{%- endmacro %}


{% macro forget_old_versions(node_name) -%}
    {%- set versions = source("warehouse", "partition_versions") -%}
    delete from {{ versions }} as old
    where
        old.node = '{{ node_name }}'
        and exists (
            from {{ versions }} as new
            where new.node = old.node and new.event_date = old.event_date and new.version > old.version
        );
{%- endmacro %}
