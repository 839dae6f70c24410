"""What screens show, loaded without a widget: frozen values of clean texts. Nothing here imports Textual."""
