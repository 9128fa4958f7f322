"""Commands on the stack that is up, and what both kinds of stack share."""
