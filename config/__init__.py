"""The configuration: settings of the operator, and the site file."""
