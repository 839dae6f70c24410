"""How each document looks to people: one file a noun, beside the operations' file of the same name.

Each has `VIEWS`: document class → function of the document and the face.
"""
