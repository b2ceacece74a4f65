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
        when 7 then 'because_bought'
        when 8 then 'because_liked'
        when 9 then 'similar_to_yours'
        when 10 then 'people_like_you'
        when 11 then 'new_in_category'
        when 12 then 'trending'
        when 13 then 'exploring'
        when 14 then 'pinned'
        when 15 then 'bought_together'
        when 16 then 'due_again'
        when 17 then 'because_viewed'
        when 18 then 'because_clicked'
        when 19 then 'because_in_cart'
    end
{%- endmacro %}
