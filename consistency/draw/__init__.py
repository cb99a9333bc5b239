"""Pictures, video, figures and the viewer of an experiment or a data set."""
