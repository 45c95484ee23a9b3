"""JSON Schemas of strangers: checked, compared, and held against what was recorded."""
