"""The rooms that know no framework, one test file each."""
