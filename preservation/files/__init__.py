"""What the file system really does: durable writes, no-follow walks, tar bytes, workers."""
