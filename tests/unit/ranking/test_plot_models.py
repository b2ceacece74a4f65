"""What plots promise without being looked at: labels apart, models in their colours."""

from jobs.evaluation.draw_charts import HEIGHT, model_colour
from jobs.evaluation.plot_models import label_places


def test_labels_of_points_that_lie_on_each_other_are_moved_apart_and_the_best_stays() -> None:
    rows = [{"coverage": 0.2, "value": 0.5}, {"coverage": 0.2, "value": 0.5}, {"coverage": 0.9, "value": 0.5}]
    places = label_places(rows, across=[0.0, 1.0], upward=[0.0, 1.0])
    assert places[0] == places[2] == (0.5, "right")
    assert (places[0][0] - places[1][0]) * HEIGHT >= 14.9


def test_a_label_stands_on_the_side_without_a_point() -> None:
    rows = [{"coverage": 0.4, "value": 0.5}, {"coverage": 0.5, "value": 0.5}, {"coverage": 0.02, "value": 0.4}]
    sides = [side for _, side in label_places(rows, across=[0.0, 1.0], upward=[0.0, 1.0])]
    assert sides == ["left", "right", "right"]


def test_a_model_has_the_same_colour_in_every_plot() -> None:
    scales = [model_colour(names).to_dict()["scale"] for names in (["ALS", "popularity"], ["popularity", "new", "ALS"])]
    colours = [dict(zip(scale["domain"], scale["range"], strict=True)) for scale in scales]
    assert colours[0]["ALS"] == colours[1]["ALS"]
    assert len(set(colours[1].values())) == 3
