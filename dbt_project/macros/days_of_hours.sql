{# The days that so many hours can reach into: a window of 24 hours ends on the next day at the latest. #}
{% macro days_of_hours(hours) -%}
    {%- do return(((hours | int) + 23) // 24) -%}
{%- endmacro %}
