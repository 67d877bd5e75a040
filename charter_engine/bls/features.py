"""What is known of a request that tells when its session comes back: names, order and limits.

`past.Past` computes the values, in a deployment and in learning alike.
"""

FEATURES = (
    "gap before",
    "gap two before",
    "gap three before",
    "pause before",
    "pause two before",
    "pause three before",
    "mean of 3 gaps",
    "mean of 5 gaps",
    "mean of 20 gaps",
    "mean of all gaps",
    "spread of gaps",
    "shortest of 5 gaps",
    "longest of 5 gaps",
    "longest of 20 gaps",
    "share of long gaps",
    "requests in 30 s",
    "requests in 60 s",
    "requests in 300 s",
    "requests since a long gap",
    "prompt tokens",
    "prompt growth",
    "growth beyond the output",
    "output before",
    "output two before",
    "served before",
    "served per output token",
    "new tokens",
    "dropped tokens",
    "share of rewritten prompts",
    "requests so far",
    "seconds so far",
    "node",
    "output",
    "served",
    "own served per output token",
)
"""Gaps run from arrival to arrival, pauses from the end of the previous request.

Both are in seconds; the means of gaps are of their logarithms.
`node` is what was learnt of the call itself.
What comes behind it is known only once the request itself has been answered.
"""

OWN_AND_BEFORE = {
    "output": "output before",
    "served": "served before",
    "own served per output token": "served per output token",
}
"""What an answer tells, and the same of the answer before it."""

LONGEST_GAP_S = 600.0
"""A longer pause tells no more than that the session was left alone."""
LONG_GAP_S = 40.0
"""A pause no tool call usually takes: a person, or a long job."""
REWRITTEN_TOKENS = 128
"""A prompt that drops more than this of the one before it was rewritten; less may be a closing line
or a token cut otherwise."""
LONGEST_S = 1e5
"""A session that lasts longer is as old as this one."""
WINDOWS_S = (30, 60, 300)
"""Requests are counted within so many seconds."""
WIDTHS = (3, 5, 20)
"""Means are taken over so many of the last gaps."""
