"""The rules: what each finds, how bad it is, and what to do about it."""

from charter_engine.contracts.lint import LintRule

RULES: dict[str, LintRule] = {
    rule.id: rule
    for rule in (
        LintRule(
            "variable-before-shared-text",
            "warning",
            "a variable stands before text that every call sends alike, "
            "so that text is never reused",
            "move the constant text in front of the variable",
            fixable=True,
        ),
        LintRule(
            "time-in-prefix",
            "error",
            "the time stands in the prompt before other text: "
            "every call misses the cache from there on",
            "put it at the end of the prompt, or round it to what the task needs",
        ),
        LintRule(
            "random-in-prefix",
            "error",
            "a random or request-specific id stands in the prompt before other text",
            "leave it out of the prompt, or put it at the end",
        ),
        LintRule(
            "unordered-in-prompt",
            "warning",
            "a set is written into the prompt; its order differs from process to process",
            "sort it first",
            fixable=True,
        ),
        LintRule(
            "json-without-sorted-keys",
            "note",
            "JSON is written into the prompt in the order its keys were inserted",
            "pass sort_keys=True",
            fixable=True,
        ),
        LintRule(
            "tool-order-changes",
            "warning",
            "the order of tools or examples changes from call to call",
            "give them in a fixed order, and choose among them behind the shared prefix",
        ),
        LintRule(
            "history-cut-at-front",
            "warning",
            "the history is shortened or rewritten at its front: nothing after the cut is reused",
            "cut in large steps at rare moments, or keep a fixed head and summarise behind it",
        ),
        LintRule(
            "history-rewritten",
            "warning",
            "messages that were sent are shortened or left out later, such as tool results and "
            "thinking: nothing behind them is reused",
            "shorten a result before it is first sent, or rewrite in large steps at rare moments",
        ),
        LintRule(
            "system-prompt-rebuilt",
            "warning",
            "the system prompt is built anew in each turn from values that change",
            "keep the system prompt constant and put what changes into the last message",
        ),
        LintRule(
            "whitespace-differs",
            "warning",
            "two prompts begin alike but for white space, so they share nothing behind it",
            "use one constant for both",
        ),
        LintRule(
            "tools-differ",
            "warning",
            "two prompts begin alike, but go with different tools or schemas; those stand in front "
            "of the messages, so nothing is shared",
            "offer the same in every call, and narrow the choice with tool_choice; ask for the "
            "form of an answer behind the shared text",
        ),
        LintRule(
            "prefix-shorter-than-block",
            "note",
            "the constant prefix is shorter than a KV block",
            "lengthen the shared prefix, or use a smaller tokens_per_block",
        ),
        LintRule(
            "text-repeated",
            "note",
            "the same text is sent more than once",
            "send it once, as early as it is needed",
        ),
        LintRule(
            "chain-not-appended",
            "note",
            "a chain repeats its input in each prompt instead of continuing the conversation",
            "append each task to the prompt and answer before it",
        ),
        LintRule(
            "attachment-before-text",
            "warning",
            "an image or attachment stands before text that every call sends alike",
            "put the text first",
        ),
    )
}
