{#
    On-run-start: take the ledger as it is now, for the whole run, and give a new
    version to each date of landed events, items and users that changed since the
    ledger was taken before. One look at it, or a file that lands between two would be taken as seen;
    and one transaction: a killed run has either seen a change or not.
#}
{% macro watch_landing() -%}
    {%- if execute -%}
        {%- set taken = source("warehouse", "ledger") -%}
        {%- set versions = source("warehouse", "partition_versions") -%}
        {{ create_partition_tables() }}
        create or replace temp table ledger_now as from {{ source("reco", "ledger") }};
        create table if not exists {{ taken }} as from ledger_now limit 0;
        begin transaction;
        insert into {{ versions }} (node, event_date, version)
        select distinct
            'landing.' || kind,
            unnest(event_dates),
            1 + coalesce((select max(version) from {{ versions }} where node like 'landing.%'), 0)
        from (
            ({{ rows_in_force("ledger_now") }} except {{ rows_in_force(taken) }})
            union all
            ({{ rows_in_force(taken) }} except {{ rows_in_force("ledger_now") }})
        ) as changed;
        {%- for input in graph.sources.values() if input.meta.get("is_watched") %}
        {{ forget_old_versions(input.schema ~ "." ~ input.name) }}
        {%- endfor %}
        create or replace table {{ taken }} as from ledger_now;
        commit;
        drop table ledger_now;
    {%- endif -%}
{%- endmacro %}


{% macro rows_in_force(ledger) -%}
    select kind, file_sha, landed_at, landed, event_dates from {{ ledger }} where state = 'landed'
{%- endmacro %}


{# The bookkeeping tables as their YAML describes them. #}
{% macro create_partition_tables() -%}
    {%- for node in graph.sources.values() if node.source_name == "warehouse" and node.name != "ledger" -%}
        create schema if not exists {{ node.schema }};
        create table if not exists {{ node.schema }}.{{ node.identifier }} (
            {%- for column in node.columns.values() %}
            {{ column.name }} {{ column.data_type }} not null{{ "," if not loop.last }}
            {%- endfor %}
        );
    {% endfor -%}
    insert into {{ source("warehouse", "identity") }} (warehouse_id)
    select uuid() where not exists (from {{ source("warehouse", "identity") }});
{%- endmacro %}
