"""Write the reports and dimensions as Parquet, for programs that read files and no DuckDB.

They come from the analysts' copy, so that no writer of the warehouse waits for
them. Marts that the jobs read have been exported by `export_marts` already, and
of the rest the large facts stay in the copy.
"""

from typing import Final

import duckdb

from jobs.warehouse.export_marts import MARTS_SCHEMA
from reco_contracts.artifacts import Layout, replace_file
from reco_contracts.columns import MARTS_TO_EXPORT

_SMALL: Final = ("rpt_", "dim_")


def export_reports(layout: Layout) -> list[str]:
    """Replace data/exports/<mart>.parquet of each report and dimension in the analysts' copy.

    Returns:
        Their names, in order.
    """
    exported = {mart.name for mart in MARTS_TO_EXPORT}
    tables = "select table_name from duckdb_tables() where schema_name = ? order by table_name"
    with duckdb.connect(layout.analytics, read_only=True) as connection:
        names = [name for (name,) in connection.execute(tables, [MARTS_SCHEMA]).fetchall()]
        reports = [name for name in names if name.startswith(_SMALL) and name not in exported]
        for name in reports:
            with replace_file(layout.export(name)) as temporary:
                quoted = str(temporary).replace("'", "''")
                # In the table's own order, so that an equal table is an equal file.
                connection.execute(f"copy {MARTS_SCHEMA}.\"{name}\" to '{quoted}' (format parquet)")
    return reports
