"""What may go: runs by age and number, content that nothing names, and what runs that are gone have left in the state.

Each part says first what it would remove (`prune --dry-run`), then removes it. The order is such that a clean-up
that is killed in between never leaves a record of something that is gone: records go first, and what they named is
then nobody's, to be found by the next one. Used by `operations/prune`.
"""
