"""The history in ClickHouse, over HTTP or in this process: for more deliveries than one machine's database serves."""
