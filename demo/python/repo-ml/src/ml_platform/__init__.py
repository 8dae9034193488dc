"""The ML platform: features, models and predictions."""
