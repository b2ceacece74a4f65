{# The reason's name as the API shows it: `reco_contracts.reasons`, which a test compares with this. #}
{% macro reason_of_code(code) -%}
    case {{ code }}
        when 0 then 'unknown'
        when 1 then 'because_of_history'
        when 2 then 'similar_item'
        when 3 then 'popular'
        when 4 then 'again'
        when 5 then 'popular_in_segment'
        when 6 then 'new'
    end
{%- endmacro %}
