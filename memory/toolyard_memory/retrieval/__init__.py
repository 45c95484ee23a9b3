"""From a question to what comes to mind: candidates, their ranking, and the text a model is shown."""
