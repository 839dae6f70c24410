"""The rules, one file a subject. `stacktui.validation.table` puts them in order."""
