"""The demo: a workspace with all ten categories on embedded flavors, and a training pipeline on scikit-learn's digits."""
