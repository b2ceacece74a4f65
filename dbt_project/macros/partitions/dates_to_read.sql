{#
    Dates around the touched ones that a model must read to build those: the same
    widths as `touched_dates()`, and on top of them what a day depends on. It
    changes nothing about which dates are replaced.
#}
{% macro dates_to_read(days_before=0, days_after=0) -%}
    {%- if execute -%}
        {{ date_literals(find_touched_dates(days_before, days_after)) }}
    {%- else -%}
        {{ date_literals([]) }}
    {%- endif -%}
{%- endmacro %}
