"""The analytics team: what comes in, and what the company wants to know of it."""
