"""The formats in which others write workloads, one a module. A file's format is told from the
fields of its first record."""
