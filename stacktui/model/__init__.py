"""The nouns: pure values, no I/O. Import from the submodules, each named after what it holds."""
