"""Flavors of the provider `local`."""
