"""What every proof has: figures and limits, its record, its tables in the README."""
