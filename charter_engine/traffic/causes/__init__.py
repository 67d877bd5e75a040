"""Why a prompt leaves an earlier one, told by the two texts: a module for each kind of cause, and
`table` for their order."""
