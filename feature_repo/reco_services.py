"""Feature services: the sets of features that a program asks for by name."""

from feast import FeatureService
from reco_views import item_features, user_features

user_serving = FeatureService(
    name="user_serving",
    features=[user_features],
    description="Features of a user, for the lookup API.",
)
item_serving = FeatureService(
    name="item_serving",
    features=[item_features],
    description="Features of an item, for the lookup API.",
)
