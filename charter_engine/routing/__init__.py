"""Which of several servers a request goes to, so that it meets what is cached of its prompt."""
