//! The facts: Parquet files and a DuckLake catalog, journeys and credit over them.
