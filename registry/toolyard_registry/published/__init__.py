"""What tenants have published: wheels, signatures, and what names and ranges mean among releases."""
