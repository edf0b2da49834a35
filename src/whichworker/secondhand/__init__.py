"""Results of other load tools: which of their numbers can be believed."""
