"""What an operator can ask for: one typed function for each thing, for commands, the engine process
and notebooks alike.

Requests and results are frozen records. Nothing here parses options, prints or listens; progress is
told to a callback, and cancelling the task (or raising from the callback) ends the work. Everything
that fails in a way an operator can act on raises `charter_engine.errors.CharterError`.
"""
