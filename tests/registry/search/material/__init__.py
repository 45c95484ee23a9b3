"""Public tool catalogues and tasks that the weights of the search are set on; each file knows one of them."""
