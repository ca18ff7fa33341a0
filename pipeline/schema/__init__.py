"""The dataset's ``schema.pbtxt``: read, compared with the settings, and merged with a draft, without TensorFlow."""
