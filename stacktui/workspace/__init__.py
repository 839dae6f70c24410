"""The files: finding the workspace, reading with positions, comment-preserving writing, watching, schemas, themes."""
