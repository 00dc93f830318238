"""All SQL; takes and gives frozen values and arrays."""
