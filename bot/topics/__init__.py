"""What is what: media kinds, models, tools and tokens by their names, and how a topic bears on an asset."""
