"""From files to live things: merges `extends`, resolves secret references, builds components and stacks."""
