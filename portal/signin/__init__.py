"""Ways to sign in: each a module that makes routes, and ends in `welcome`, which begins a session."""
