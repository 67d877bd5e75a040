"""Typed records that cross a process or file boundary, and nothing else.

One module a subject: `figures`, `graph`, `plan`, `workload`, `prediction`, `live`, `deploy`,
`protocol`. All records are frozen `msgspec` structs; JSON and msgpack carry the field names as they
stand here.
"""
