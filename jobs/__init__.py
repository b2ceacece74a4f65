"""The work: land, export, features, models, ranking, evaluation, publishing; and the `reco` command."""
