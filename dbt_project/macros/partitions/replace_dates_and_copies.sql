{#
    Incremental strategy of `int_events_keyed` alone: replace the touched dates, and
    give a new version also to each other date on which a row starts or ceases to
    be the earliest of its id. Models after it then build those dates too.

    Copies on two dates need an id that a source gave: a derived id is made of the
    time. So where no touched file brings ids, only rows of files that did are
    searched, and where no file ever did, none.
#}
{% macro get_incremental_replace_dates_and_copies_sql(arg_dict) -%}
    {%- set touched = date_literals(replaced_dates()) -%}
    {%- set keyed = arg_dict["target_relation"] -%}
    {%- set versions = source("warehouse", "partition_versions") -%}
    {%- set place = "row(landed_at, file_sha, line_number)" %}
    create or replace temp table {{ model.name }}__new as ({{ arg_dict["new_rows"] }});
    insert into {{ versions }} (node, event_date, version)
    with

    earliest_before as (
        select event_key, bool_or(is_own_id) as is_own_id, min({{ place }}) as place
        from {{ keyed }}
        where event_date in ({{ touched }})
        group by event_key
    ),

    earliest_after as (
        select event_key, bool_or(is_own_id) as is_own_id, min({{ place }}) as place
        from {{ model.name }}__new
        group by event_key
    ),

    changed as materialized (
        select
            event_key,
            coalesce(earliest_before.is_own_id, false) or coalesce(earliest_after.is_own_id, false) as is_own_id,
            earliest_before.place as place_before,
            earliest_after.place as place_after
        from earliest_before
        full outer join earliest_after using (event_key)
        where earliest_before.place is distinct from earliest_after.place
    ),

    copies_elsewhere as (
        {{ copies_on_other_dates(keyed, touched, "changed") }}
    ),

    earliest_elsewhere as (
        select event_key, min({{ place }}) as place, arg_min(event_date, {{ place }}) as event_date
        from copies_elsewhere
        group by event_key
    )

    select distinct
        '{{ model.name }}',
        elsewhere.event_date,
        1 + coalesce((select max(version) from {{ versions }} where node = '{{ model.name }}'), 0)
    from earliest_elsewhere as elsewhere
    inner join changed using (event_key)
    where
        coalesce(elsewhere.place < changed.place_before, true)
        <> coalesce(elsewhere.place < changed.place_after, true);
    {{ get_incremental_replace_dates_sql({"target_relation": keyed, "new_rows": "from " ~ model.name ~ "__new"}) }}
    drop table {{ model.name }}__new;
{%- endmacro %}


{#
    Rows of `int_events_keyed` on other dates whose id is among the keys of a relation.
    An empty side of a semi-join ends its scan, which is what keeps the cost off a
    history of derived ids.
#}
{% macro copies_on_other_dates(keyed, dates, keys) -%}
    select * from {{ keyed }}
    where
        is_own_id
        and event_date not in ({{ dates }})
        and event_key in (select event_key from {{ keys }})
    union all
    select * from {{ keyed }}
    where
        not is_own_id
        and event_date not in ({{ dates }})
        and event_key in (select event_key from {{ keys }} where is_own_id)
{%- endmacro %}
