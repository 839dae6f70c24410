"""Flavors of the provider `sqlite`."""
