// Filled by the first real content of this module.
