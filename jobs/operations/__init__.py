"""What people start: the demo, Airflow, and the page about a run."""
