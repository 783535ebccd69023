"""What we believe: one Python file and one YAML each. Imports bot.core only."""
