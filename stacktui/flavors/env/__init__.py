"""Flavors of the provider `env`."""
